"""Files of other tools -> documents of ours, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sloengine.authoring.convert.foreign import Account, ForeignSlo
from sloengine.authoring.convert.pyrra import read_pyrra
from sloengine.authoring.convert.slogenerator import read_slo_generator
from sloengine.authoring.convert.sloth import read_sloth
from sloengine.definitions import write_documents
from sloengine.definitions.catalogue import OPENSLO, OURS
from sloengine.errors import DefinitionsError, Problem
from sloengine.yamldoc import Data, Document, load_file

_WIDTH = 98
_ACCEPTED = (
    "convert reads Sloth (version: prometheus/v1), Pyrra (apiVersion: pyrra.dev/v1alpha1) and "
    "slo-generator (apiVersion: sre.google.com/v2)"
)
Reader = Callable[[Document, str | None], tuple[list[ForeignSlo], list[Account]]]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Which transactions of ours stand for the queries of an input."""

    every: str | None = None
    """The transaction for every objective."""
    by_slo: dict[str, str] = field(default_factory=dict)
    """The transaction for an objective, by the name that it has in the output."""

    def of(self, name: str) -> str | None:
        """Return the transaction that stands for an objective's queries, if any."""
        return self.by_slo.get(name, self.every)


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of some files."""

    text: str
    """YAML that `validate` accepts beside the transactions that were named."""
    notes: tuple[Problem, ...]
    """What did not come along, or came along changed, in order of place."""


def convert_files(
    files: Sequence[Path], mapping: Mapping | None = None, window: str | None = None
) -> Converted:
    """Convert files; `window` replaces what a tool keeps elsewhere, and what it says.

    Raises:
        DefinitionsError: a file is no file of these tools, or is wrong by its own tool's rules.
    """
    mapping = mapping or Mapping()
    problems: list[Problem] = []
    slos: list[ForeignSlo] = []
    notes: list[Problem] = []
    for file in files:
        try:
            documents = load_file(file)
        except DefinitionsError as error:
            problems += error.problems
            continue
        for document in documents:
            reader = _reader(document)
            if reader is None:
                problems.append(Problem(document.position(), "", _unknown(document)))
                continue
            found, accounts = reader(document, window)
            slos += found
            problems += [problem for account in accounts for problem in account.errors]
            notes += [note for account in accounts for note in account.notes]
    slos = _with_own_names(slos, notes)
    problems += _unused(mapping, slos, files)
    if problems:
        raise DefinitionsError(problems)
    text = "".join(_written(slo, mapping.of(slo.name)) for slo in slos)
    return Converted(text, tuple(sorted(set(notes))))


def _reader(document: Document) -> Reader | None:
    root = document.root
    version = root.find(("version",)).text if "version" in root.entries else ""
    api = root.find(("apiVersion",)).text if "apiVersion" in root.entries else ""
    if version == "prometheus/v1":
        return read_sloth
    if api == "pyrra.dev/v1alpha1" and root.find(("kind",)).text == "ServiceLevelObjective":
        return read_pyrra
    if api == "sre.google.com/v2" and root.find(("kind",)).text == "ServiceLevelObjective":
        return read_slo_generator
    return None


def _unknown(document: Document) -> str:
    entries = document.root.entries
    if "apiVersion" in entries and entries["apiVersion"].text in {"openslo/v1", "sloengine/v1"}:
        return "this needs no conversion: put it into the folder of definitions as it is"
    return f"this is none of the files that can be converted; {_ACCEPTED}"


def _with_own_names(slos: list[ForeignSlo], notes: list[Problem]) -> list[ForeignSlo]:
    """Names are unique here; a repeated one gets a number."""
    taken: set[str] = set()
    renamed = []
    for slo in slos:
        name, number = slo.name, 2
        while name in taken:
            ending = f"-{number}"
            name, number = slo.name[: 63 - len(ending)] + ending, number + 1
        taken.add(name)
        if name != slo.name:
            note = Account(f'{slo.tool} SLO "{slo.name}"')
            note.note(slo.position, f"the name is taken by an SLO before it; here it is {name}")
            notes += note.notes
            slo.notes += note.notes
        renamed.append(replace(slo, name=name))
    return renamed


def _unused(mapping: Mapping, slos: list[ForeignSlo], files: Sequence[Path]) -> list[Problem]:
    names = {slo.name for slo in slos}
    if not slos:
        return []
    at = replace(slos[0].position, file=str(files[0]), line=1, column=1)
    return [
        Problem(
            at, "", f'--transaction names the SLO "{name}"; SLOs are {", ".join(sorted(names))}'
        )
        for name in sorted(set(mapping.by_slo) - names)
    ]


def _written(slo: ForeignSlo, transaction: str | None) -> str:
    """Return an objective as documents, after comments that say what it was."""
    metadata: dict[str, Data] = {"name": slo.name}
    if slo.labels:
        metadata["labels"] = slo.labels
    if slo.annotations:
        metadata["annotations"] = slo.annotations
    spec: dict[str, Data] = {"service": slo.service}
    if slo.description:
        spec["description"] = slo.description
    indicator = slo.indicator if transaction is None else _over(transaction, slo.latency)
    spec["indicator"] = {"metadata": {"name": slo.name}, "spec": indicator}
    spec["timeWindow"] = [{"duration": slo.window, "isRolling": True}]
    spec["budgetingMethod"] = "Occurrences"
    spec["objectives"] = [{"target": slo.target}]
    slo_document: Data = {"apiVersion": OPENSLO, "kind": "SLO", "metadata": metadata, "spec": spec}
    documents = [slo_document]
    if slo.policy is not None:
        policy = f"{slo.name[:55]}-alerts"
        spec["alertPolicies"] = [{"alertPolicyRef": policy}]
        documents.append(
            {
                "apiVersion": OURS,
                "kind": "BurnRatePolicy",
                "metadata": {"name": policy},
                "spec": slo.policy,
            }
        )
    return _commented(_comments(slo, transaction)) + write_documents(documents)


def _over(transaction: str, latency: str | None) -> dict[str, Data]:
    """Return the indicator over a transaction of ours that means what the queries meant."""
    where = (
        'transaction.outcome == "good" or transaction.outcome == "slow"'
        if latency is None
        else f'transaction.duration <= Duration("{latency}")'
    )
    good: dict[str, Data] = {"transaction": transaction, "where": where}
    return {
        "ratioMetric": {
            "counter": True,
            "good": {"metricSource": {"type": "sloengine", "spec": good}},
            "total": {"metricSource": {"type": "sloengine", "spec": {"transaction": transaction}}},
        }
    }


def _comments(slo: ForeignSlo, transaction: str | None) -> list[str]:
    lines = [f"Converted from {slo.tool}, {slo.position.file}:{slo.position.line}."]
    if transaction is not None:
        means = (
            "every transaction that did not fail, however slow"
            if slo.latency is None
            else f"every transaction that took at most {slo.latency} and did not fail"
        )
        lines.append(f"In place of its queries, good is {means}. The queries were:")
        lines += [f"  {place}: {' '.join(query.split())}" for place, query in slo.queries]
    for note in slo.notes:
        lines.append(f"Not as it was: {note.message}.")
    if transaction is None:
        lines.append(
            "Its queries stay as they were and are not evaluable here: this engine counts spans. "
            f"Describe what they count, then convert again with --transaction {slo.name}=NAME. "
            "To begin with:"
        )
        lines += ["", *_skeleton(slo)]
    return lines


def _skeleton(slo: ForeignSlo) -> list[str]:
    """Return a transaction to start from; it loads, and its entry is only a guess."""
    service = slo.service.replace("\\", "").replace('"', "")
    lines = [
        "apiVersion: sloengine/v1",
        "kind: BusinessTransaction",
        f"metadata: {{name: {slo.name}}}",
        "spec:",
        "  entry: >-",
        f'    resource.attributes["service.name"] == "{service}" and span.kind == SPAN_KIND_SERVER',
        "  outcome:",
        "    - failed: {entry: span.status.code == STATUS_CODE_ERROR}",
    ]
    if slo.latency is not None:
        lines.append(f"    - slow: {{longerThan: {slo.latency}}}")
    return lines


def _commented(lines: list[str]) -> str:
    """Return lines as comments: wrapped up to the first empty one, apart from indented ones."""
    written: list[str] = []
    verbatim = False
    for line in lines:
        verbatim = verbatim or not line
        if verbatim or line.startswith(" "):
            written.append(line)
        else:
            written += textwrap.wrap(
                # A path that is broken in two is a path no more.
                " ".join(line.split()),
                _WIDTH,
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "".join(f"# {line}".rstrip() + "\n" for line in written)
