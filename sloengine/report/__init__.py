"""Reports: one `Evaluation` in, text for people or programs out.

In: an `Evaluation` (sloengine.evaluate), with a course where charts are wanted. Out: strings, as
terminal table, JSON, CSV, Markdown or one HTML file. Guaranteed: the same evaluation gives the same
text; the verdict comes first; printed numbers are rounded to the worse side; no data is a state;
nothing that came from a span can leave its place (control characters, markup, formulas). Nothing
here reads a clock, a database or the network.
"""

from sloengine.questions import FORMATS, Format, ReportRequest
from sloengine.report.csv_table import render_csv
from sloengine.report.detail import render_detail
from sloengine.report.document import render_json
from sloengine.report.html import render_html
from sloengine.report.markdown import render_markdown
from sloengine.report.render import render
from sloengine.report.schema import JSON_SCHEMA, schema_page
from sloengine.report.text import render_table, render_text
from sloengine.terminal import TerminalStyle, terminal_style

__all__ = [
    "FORMATS",
    "JSON_SCHEMA",
    "Format",
    "ReportRequest",
    "TerminalStyle",
    "render",
    "render_csv",
    "render_detail",
    "render_html",
    "render_json",
    "render_markdown",
    "render_table",
    "render_text",
    "schema_page",
    "terminal_style",
]
