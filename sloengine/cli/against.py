"""`sloengine validate --against`: the part of it that reads traces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sloengine.authoring.against import Sightings, against, chosen_traces, document, render_text
from sloengine.authoring.scan import Scanned
from sloengine.cli.progress import FileProgress
from sloengine.definitions import Plan
from sloengine.terminal import TerminalStyle


@dataclass(frozen=True, slots=True)
class Held:
    """What definitions found in traces, to be shown."""

    sightings: Sightings
    scanned: Scanned

    @property
    def is_wanting(self) -> bool:
        """Whether something of the definitions was never found."""
        return self.sightings.is_wanting

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return document(self.sightings, self.scanned)

    def text(self, style: TerminalStyle) -> str:
        """Return it for a terminal."""
        return render_text(self.sightings, self.scanned, style)


def hold_against(plan: Plan, traces: tuple[str, ...], store: Path) -> Held:
    """Read the traces that `--against` names, of files or of a store, with a bar on the way."""
    with chosen_traces(traces, store) as sources, FileProgress(sources) as progress:
        return Held(*against(plan, sources, progress=progress.update))
