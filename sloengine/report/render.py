"""One call for every form of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self, get_args

from sloengine.errors import OperatorError
from sloengine.evaluate.evaluation import Evaluation
from sloengine.report.csv_table import render_csv
from sloengine.report.detail import render_detail, select
from sloengine.report.document import render_json
from sloengine.report.html import render_html
from sloengine.report.markdown import render_markdown
from sloengine.report.terminal import TerminalStyle
from sloengine.report.text import render_text

Format = Literal["text", "json", "csv", "markdown", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What somebody wants to read: which instant, which SLO, in which form.

    `at_ns` is `None` for now, or the last event that was stored where `at_latest`. `slo` may name
    one objective, as `SLO/objective`. `by` is a dimension.
    """

    form: Format = "text"
    slo: str | None = None
    by: str | None = None
    at_ns: int | None = None
    at_latest: bool = False
    style: TerminalStyle = field(default_factory=TerminalStyle)

    def parameters(self) -> dict[str, str]:
        """Return the request as text, to be read again by `of_parameters`."""
        found = {
            "form": self.form,
            "width": str(self.style.width),
            "color": str(int(self.style.color)),
            "ascii": str(int(self.style.ascii_only)),
        }
        if self.slo is not None:
            found["slo"] = self.slo
        if self.by is not None:
            found["by"] = self.by
        if self.at_latest:
            found["at"] = LATEST
        elif self.at_ns is not None:
            found["at"] = str(self.at_ns)
        return found

    @classmethod
    def of_parameters(cls, parameters: Mapping[str, str]) -> Self:
        """Read what `parameters` wrote.

        Raises:
            OperatorError: a value is not one that `parameters` writes.
        """
        form = parameters.get("form", "text")
        at = parameters.get("at")
        try:
            return cls(
                form=next(known for known in FORMATS if known == form),
                slo=parameters.get("slo"),
                by=parameters.get("by"),
                at_ns=int(at) if at and at != LATEST else None,
                at_latest=at == LATEST,
                style=TerminalStyle(
                    width=int(parameters.get("width", "100")),
                    color=parameters.get("color") == "1",
                    ascii_only=parameters.get("ascii") == "1",
                ),
            )
        except (ValueError, StopIteration) as error:
            raise OperatorError(f"not a request for a report: {dict(parameters)}") from error


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
