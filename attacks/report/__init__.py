"""What a run of ``ltx-bench`` found: a page, JSON, a table, text; and two runs compared."""

from attacks.report.comparison import Comparison, compare
from attacks.report.facts import RunFacts
from attacks.report.summary import Summary, summarize
from attacks.report.text import to_text
from attacks.report.writing import write_report

__all__ = [
    "Comparison",
    "RunFacts",
    "Summary",
    "compare",
    "summarize",
    "to_text",
    "write_report",
]
