"""`discover`: read, propose, judge the same traces by the proposals, and write them down."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from sloengine.authoring.backtest import Backtest, backtest
from sloengine.authoring.discover.bounded import bounded
from sloengine.authoring.discover.documents import (
    evidence,
    ignore_text,
    transaction_text,
)
from sloengine.authoring.discover.limits import TARGETS, round_target
from sloengine.authoring.discover.naming import choose
from sloengine.authoring.discover.proposals import Proposal, Proposals, propose
from sloengine.authoring.discover.reading import EntryId, Traffic, read_traffic
from sloengine.clock import Clock, SystemClock
from sloengine.definitions import Plan, load_definitions
from sloengine.definitions.files import find_files
from sloengine.errors import OperatorError
from sloengine.evaluate import SloEvaluation
from sloengine.replay import Progress, TraceSource
from sloengine.report import numbers
from sloengine.report.moments import span_of
from sloengine.slo import error_budget
from sloengine.spool import SEGMENT_BYTES
from sloengine.store import OTHER, Store

MOST_BYTES = 256 << 20
"""Of requests that are read, a million spans or two: enough for a first guess."""
NEWEST_BYTES = MOST_BYTES - SEGMENT_BYTES
"""Of a store: what is read are whole segments, and the newest must not be cut."""
GUESS = "Proposed by sloengine discover: a first guess. Review the name, the limit and the target."


@dataclass(frozen=True, slots=True)
class Row:
    """One proposal, with what the engine itself counted by it."""

    proposal: Proposal
    good: int
    total: int
    target: Decimal

    @property
    def used(self) -> Fraction | None:
        """Which share of its budget it would have used; `None` without traffic."""
        budget = error_budget(self.good, self.total, self.target)
        return None if budget is None else budget.used_share


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found, and the files that say it."""

    traffic: Traffic
    proposals: Proposals
    rows: tuple[Row, ...]
    other: int
    """Requests that no proposal and no existing definition takes."""
    files: tuple[tuple[str, str], ...]
    """(name, text) of each."""
    was_cut: bool
    """Whether there is more than what was read."""
    problems: tuple[str, ...]


def discover(
    sources: Sequence[TraceSource],
    *,
    existing: Path | None = None,
    most_bytes: int = MOST_BYTES,
    progress: Callable[[Progress], None] = lambda _: None,
    clock: Clock | None = None,
) -> Discovery:
    """Propose definitions for the traffic that the `existing` ones leave over (`None`: for all).

    The counts and budgets of the result are not estimated: the proposals were loaded together with
    the existing definitions and judged the same traces.

    Raises:
        DefinitionsError: the existing definitions have errors.
        PermanentError: nothing could be read.
    """
    clock = clock or SystemClock()
    read = bounded(sources, most_bytes)
    with tempfile.TemporaryDirectory(prefix="sloengine-discover-") as name:
        scratch = Path(name)
        only: Collection[EntryId] | None = None
        taken: set[str] = set()
        ignored: set[str] = set()
        if existing is not None:
            plan = load_definitions(existing).plan
            taken = _names(plan)
            ignored = {name for name, _ in plan.ignore}
            backtest(read, plan, scratch / "before", clock=clock)
            only = _left_over(scratch / "before", clock)
        traffic = read_traffic(read, only=only, progress=progress)
        proposals = propose(traffic, taken)
        ignore_name = choose([("health-checks", "probes")], ignored)[0]
        judged = _judge(read, proposals, ignore_name, existing, scratch, clock)
    by_name = {} if judged is None else {slo.transaction: slo for slo in judged.evaluation.slos}
    rows = tuple(_row(proposal, by_name) for proposal in proposals.transactions)
    other = 0
    if judged is not None:
        other = sum(
            share.total for share in judged.evaluation.traffic if share.transaction == OTHER
        )
    return Discovery(
        traffic=traffic,
        proposals=proposals,
        rows=rows,
        other=other,
        files=tuple(_files(traffic, proposals, rows, ignore_name)),
        was_cut=any(source.was_cut for source in read),
        problems=() if judged is None else judged.problems,
    )


def write(discovery: Discovery, output: Path) -> list[Path]:
    """Write the proposals into a folder; return the files.

    Raises:
        OperatorError: one of them is there already, or the folder cannot be written.
    """
    paths = [output / name for name, _ in discovery.files]
    for path in paths:
        if path.exists():
            raise OperatorError(
                f"{path}: there is a file already, perhaps with changes of yours; "
                "move it away, or name another folder with --output"
            )
    try:
        output.mkdir(parents=True, exist_ok=True)
        for path, (_, text) in zip(paths, discovery.files, strict=True):
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperatorError(
            f"{output}: cannot be written ({error.strerror}); name another folder with --output"
        ) from error
    return paths


def _names(plan: Plan) -> set[str]:
    return {rule.name for rule in plan.transactions} | {
        rule.name.removesuffix("-experience") for rule in plan.slos
    }


def _left_over(store_folder: Path, clock: Clock) -> set[EntryId]:
    """The requests that existing definitions do not take."""
    with Store.open(store_folder, clock=clock, read_only=True) as store, store.reader() as reader:
        return {
            (fact.trace_id, fact.entry_span_id, fact.entry_kind)
            for fact in reader.each_fact()
            if fact.transaction == OTHER
        }


def _judge(
    sources: Sequence[TraceSource],
    proposals: Proposals,
    ignore_name: str,
    existing: Path | None,
    scratch: Path,
    clock: Clock,
) -> Backtest | None:
    """Judge the traces by the proposals, beside what exists; the targets do not matter yet."""
    folder = scratch / "definitions"
    folder.mkdir()
    for proposal in proposals.transactions:
        text = transaction_text(proposal, TARGETS[-1], ())
        (folder / f"{proposal.name}.yaml").write_text(text, encoding="utf-8")
    if proposals.health:
        text = ignore_text(ignore_name, proposals.health, ())
        (folder / f"ignore-{ignore_name}.yaml").write_text(text, encoding="utf-8")
    if not any(folder.iterdir()):
        return None
    for number, file in enumerate(find_files(existing) if existing is not None else []):
        shutil.copyfile(file, folder / f"existing-{number}.yaml")
    return backtest(sources, load_definitions(folder).plan, scratch / "after", clock=clock)


def _row(proposal: Proposal, by_name: dict[str, SloEvaluation]) -> Row:
    slo = by_name[proposal.name]
    return Row(proposal, slo.good, slo.total, round_target(slo.good, slo.total))


def _files(
    traffic: Traffic, proposals: Proposals, rows: Sequence[Row], ignore_name: str
) -> list[tuple[str, str]]:
    period = ""
    if traffic.requests:
        length = numbers.duration(traffic.end_ns - traffic.start_ns)
        period = f", {span_of(traffic.start_ns, traffic.end_ns)} UTC"
        period = f"From {length} of traffic{period}."
    files = []
    for row in rows:
        used = used_text(row)
        comments = [GUESS, period, *evidence(row.proposal, row.good, row.total, used)]
        text = transaction_text(row.proposal, row.target, comments)
        files.append((f"{row.proposal.name}.yaml", text))
    if proposals.health:
        comments = [GUESS, period, "Health checks stay counted, as ignored; they promise nothing."]
        text = ignore_text(ignore_name, proposals.health, comments)
        files.append((f"ignore-{ignore_name}.yaml", text))
    return files


def used_text(row: Row) -> str:
    """Return the share of the budget that would have been used, rounded up."""
    used = row.used
    return numbers.NONE if used is None else numbers.percent(used, 0, numbers.Worse.UP)
