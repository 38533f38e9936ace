"""What somebody wants to read of a report, and the same as parameters of a question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self, get_args

from sloengine.errors import OperatorError
from sloengine.terminal import TerminalStyle

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
