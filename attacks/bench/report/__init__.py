"""What a run of ``ltx-bench`` found: a page, JSON, a table, text; and two runs compared."""

from attacks.bench.report.comparison import Comparison, compare
from attacks.bench.report.facts import RunFacts
from attacks.bench.report.summary import Summary, summarize
from attacks.bench.report.text import to_text
from attacks.bench.report.writing import write_report

__all__ = [
    "Comparison",
    "RunFacts",
    "Summary",
    "compare",
    "summarize",
    "to_text",
    "write_report",
]
