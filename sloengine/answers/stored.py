"""What the store itself answers, where no engine has it open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sloengine.answers.running import render_report
from sloengine.clock import Clock
from sloengine.definitions import load_text
from sloengine.errors import StoreError
from sloengine.questions import ReportRequest
from sloengine.store import Store


def stored_report(directory: Path, request: ReportRequest, clock: Clock) -> str:
    """Render a report by the definitions that were applied last; the file is opened read-only.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    store = Store.open(directory, clock=clock, read_only=True)
    try:
        latest = store.latest_definitions()
        if latest is None:
            raise StoreError(f"store folder {directory}: no definitions were ever applied in it")
        documents, commit = latest
        plan = replace(load_text(documents), commit=commit)
        return render_report(store, plan, request, clock)
    finally:
        store.close()
