"""One call for every form of a report."""

from __future__ import annotations

from dataclasses import replace

from sloengine.evaluate.evaluation import Evaluation
from sloengine.questions import ReportRequest
from sloengine.report.csv_table import render_csv
from sloengine.report.detail import render_detail, select
from sloengine.report.document import render_json
from sloengine.report.html import render_html
from sloengine.report.markdown import render_markdown
from sloengine.report.text import render_text


def render(evaluation: Evaluation, request: ReportRequest) -> str:
    """Return the report in the form that was asked for, of the SLO that was asked for.

    Raises:
        OperatorError: no SLO of the evaluation has the requested name.
    """
    if request.form == "text":
        if request.slo is not None:
            return render_detail(evaluation, request.slo, request.style)
        return render_text(evaluation, request.style)
    if request.slo is not None:
        evaluation = replace(evaluation, slos=tuple(select(evaluation, request.slo)))
    renderers = {
        "json": render_json,
        "csv": render_csv,
        "markdown": render_markdown,
        "html": render_html,
    }
    return renderers[request.form](evaluation)
