"""What a running engine says of itself, and the checks that rest on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sloengine.authoring.doctor.model import Check, Level
from sloengine.authoring.explain.numbers import counted
from sloengine.authoring.scan import Scanned
from sloengine.clock import SystemClock
from sloengine.definitions import Plan, load_definitions, load_text
from sloengine.errors import DefinitionsError
from sloengine.questions import ask
from sloengine.report.numbers import count
from sloengine.store import Store

_RETRIED = frozenset({"overloaded", "unavailable", "internal"})
"""Refusals that a sender repeats; the others lose the request."""


@dataclass(frozen=True, slots=True)
class EngineSays:
    """An engine's own word, or what its store remembers where none runs."""

    is_running: bool
    documents: str | None
    commit: str | None
    refusals: Mapping[str, int]
    """Requests refused since the start, by reason."""
    spool_stopped: str | None
    failure: str | None
    """Why facts cannot be committed now."""
    idle_wait_ns: int | None
    max_wait_ns: int | None


def engine_says(store: Path) -> EngineSays:
    """Ask the engine of a store, or look into the store where none runs.

    Raises:
        StoreError: there is no store.
    """
    answer = ask(store, "health", {})
    if answer is not None:
        told = json.loads(answer)
        return EngineSays(
            is_running=True,
            documents=told["documents"],
            commit=told["commit"],
            refusals=told["refusals"],
            spool_stopped=told["spool_stopped"],
            failure=told["failure"],
            idle_wait_ns=told["idle_wait_ns"],
            max_wait_ns=told["max_wait_ns"],
        )
    with Store.open(store, clock=SystemClock(), read_only=True) as opened:
        documents, commit = opened.latest_definitions() or (None, None)
    return EngineSays(False, documents, commit, {}, None, None, None, None)


def plan_of(says: EngineSays | None, folder: Path) -> Plan:
    """Return the definitions in use, or those of the folder where none are.

    Raises:
        DefinitionsError: the folder has errors, and nothing else is in use.
    """
    if says is not None and says.documents is not None:
        return replace(load_text(says.documents), commit=says.commit)
    return load_definitions(folder).plan


def receiving(says: EngineSays | None, scanned: Scanned) -> list[Check]:
    """Does anything arrive, and is it taken?"""
    name = "receiving"
    checks = []
    if says is not None and says.spool_stopped:
        text = f"nothing is accepted: {says.spool_stopped}"
        checks.append(Check(name, Level.MEND, text, ("free space on the disk of the store",)))
    if says is not None and says.failure:
        checks.append(
            Check(name, Level.MEND, says.failure, ("see the engine's log, it says what to do",))
        )
    for reason, number in sorted((says.refusals if says else {}).items()):
        text = f"{counted(number, 'request')} refused since the start: {reason}"
        if reason in _RETRIED:
            cure = "senders repeat these; if it goes on, give the engine more room or time"
            checks.append(Check(name, Level.WATCH, text, (cure,)))
        else:
            cure = "senders drop these: look for the sender in the engine's log"
            checks.append(Check(name, Level.MEND, text, (cure,)))
    if scanned.rejected:
        text = f"{counted(scanned.rejected, 'span')} without valid ids, left out"
        cure = "correct the instrumentation that sends ids of zeros or of a wrong length"
        checks.append(Check(name, Level.MEND, text, (cure,)))
    if scanned.malformed:
        text = f"{counted(scanned.malformed, 'part')} malformed: {scanned.problems[0]}"
        checks.append(Check(name, Level.WATCH, text))
    if not scanned.spans:
        cure = "point a Collector's exporter at this engine (docs/collector.md, the tee)"
        checks.append(Check(name, Level.MEND, "no span arrived", (cure,)))
    if checks:
        return checks
    text = f"{count(scanned.spans)} spans"
    first, last = scanned.first_arrival_ns, scanned.last_arrival_ns
    if first is not None and last is not None and last > first:
        text = f"{count(round(scanned.spans * 10**9 / (last - first)))} spans/s"
    running = says is not None and says.is_running
    return [Check(name, Level.OK, f"{text}{'; nothing refused' if running else ''}")]


def folder_check(says: EngineSays | None, folder: Path) -> list[Check]:
    """Is the folder of definitions what the engine uses, and without errors?"""
    if says is None or says.documents is None:
        return []
    used = load_text(says.documents).revision
    try:
        loaded = load_definitions(folder)
    except DefinitionsError as error:
        number = counted(len(error.problems), "problem")
        text = f"{folder} has {number}; {used} stays in use: {error.problems[0]}"
        return [Check("definitions", Level.MEND, text, ("sloengine validate lists them",))]
    if loaded.plan.revision == used:
        return []
    text = f"{folder} is revision {loaded.plan.revision}, in use is {used}"
    cure = "reload the engine (SIGHUP), or start it, to use the folder's"
    return [Check("definitions", Level.WATCH, text, (cure,))]
