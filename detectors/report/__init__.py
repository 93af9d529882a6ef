"""A result as text, as JSON, and as a page that needs nothing else."""

from detectors.report.page import to_html
from detectors.report.record import schema_text, to_json, to_record
from detectors.report.text import percent, to_text

__all__ = ["percent", "schema_text", "to_html", "to_json", "to_record", "to_text"]
