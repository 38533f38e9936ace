"""A report of a store, whoever has it open."""

from __future__ import annotations

from pathlib import Path

from sloengine.clock import Clock, SystemClock
from sloengine.questions import ReportRequest, ask


def report_of_store(directory: Path, request: ReportRequest, *, clock: Clock | None = None) -> str:
    """Render a report from the engine that runs on this store, or from the store itself.

    Raises:
        LocalAnswerError: the running engine refused.
        RetryError: it cannot be reached, or did not answer.
        StoreError: there is no store, or it cannot be read.
    """
    answer = ask(directory, "report", request.parameters())
    if answer is not None:
        return answer
    # A database takes longer to import than a running engine takes to answer.
    from sloengine.answers.stored import stored_report

    return stored_report(directory, request, clock or SystemClock())
