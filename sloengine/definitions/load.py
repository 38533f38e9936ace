"""A folder of definitions -> a `Plan`; every problem of every file in one error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sloengine.definitions.adjustments import read_adjustment
from sloengine.definitions.canonical import freeze, thaw
from sloengine.definitions.catalogue import Catalogue, read_head
from sloengine.definitions.checkout import commit_of
from sloengine.definitions.conditions import Conditions
from sloengine.definitions.files import find_files, read_files
from sloengine.definitions.indicators import read_indicator
from sloengine.definitions.lint import warn
from sloengine.definitions.passive import check_passive
from sloengine.definitions.plan import Adjustment, Plan, SloRule, TransactionRule
from sloengine.definitions.slos import promised_name, read_promise, read_slo
from sloengine.definitions.transactions import read_ignore, read_transaction
from sloengine.errors import DefinitionsError, Problem, Severity
from sloengine.yamldoc import Document


@dataclass(frozen=True, slots=True)
class LoadedDefinitions:
    """A set of definitions without errors."""

    plan: Plan
    warnings: tuple[Problem, ...]
    """In order of place."""
    files: int
    """How many files were read."""


@dataclass(frozen=True, slots=True)
class ReadSet:
    """The definitions of a set, read and checked."""

    catalogue: Catalogue
    plan: Plan
    promised: tuple[SloRule, ...]
    """The SLOs that promises stand for, in ascending order of name."""


def load_definitions(path: Path) -> LoadedDefinitions:
    """Load a folder of definitions, or one file.

    Raises:
        DefinitionsError: something in the files is wrong; holds all problems of all files.
        OperatorError: there is no such folder, or no definition in it.
    """
    problems: list[Problem] = []
    files = find_files(path)
    documents, complete = read_files(files, problems)
    read = read_set(documents, problems, complete=complete)
    plan = replace(read.plan, commit=commit_of(path))
    return LoadedDefinitions(plan, tuple(sorted(set(problems))), len(files))


def load_text(documents: str, *, commit: str | None = None) -> Plan:
    """Build a plan from `Plan.documents`: the same revision and, with its `commit`, the same plan.

    Raises:
        DefinitionsError: the text is not one that `Plan.documents` held, or was written by a
            version whose definitions this one does not accept.
    """
    return replace(read_set(thaw(documents), [], complete=True).plan, commit=commit)


def read_set(documents: Sequence[Document], problems: list[Problem], *, complete: bool) -> ReadSet:
    """Read the definitions of a set, at no commit; warnings are added to `problems`.

    `complete` is false where some file could not be read: names that are not found may be there.

    Raises:
        DefinitionsError: there are errors, here or among the `problems` given.
    """
    catalogue = _catalogue(documents, problems, complete=complete)
    conditions = Conditions()
    transactions = [
        rule
        for definition in catalogue.of("BusinessTransaction")
        if (rule := read_transaction(definition, conditions)) is not None
    ]
    ignore = tuple(read_ignore(definition, conditions) for definition in catalogue.of("Ignore"))
    promised = _promises(catalogue)
    slos, lines = _slos(catalogue)
    lines += _passive(catalogue)
    adjustments = _adjustments(catalogue, (*slos, *promised), transactions)
    _stop_on_errors(problems)
    warn(catalogue, transactions, conditions.conditions, promised)
    frozen = freeze(documents)
    plan = Plan(
        revision=frozen.revision,
        commit=None,
        fields=conditions.fields(),
        conditions=tuple(conditions.conditions),
        captures=tuple(conditions.captures),
        transactions=tuple[TransactionRule, ...](transactions),
        ignore=ignore,
        slos=tuple(sorted((*slos, *promised), key=lambda slo: slo.name)),
        documents=frozen.text,
        adjustments=adjustments,
        not_evaluated=tuple(sorted(set(lines))),
    )
    return ReadSet(catalogue, plan, promised)


def _catalogue(
    documents: Sequence[Document], problems: list[Problem], *, complete: bool
) -> Catalogue:
    catalogue = Catalogue()
    catalogue.unreadable = not complete
    for document in documents:
        definition = read_head(document, problems)
        if definition is None:
            catalogue.unreadable = True
        else:
            catalogue.add(definition)
    for definition in catalogue.of("BusinessTransaction"):
        if "promise" in definition.spec.entries:
            catalogue.promised.add(promised_name(definition.name))
    return catalogue


def _promises(catalogue: Catalogue) -> tuple[SloRule, ...]:
    rules = []
    for definition in catalogue.of("BusinessTransaction"):
        rule = read_promise(definition)
        written = catalogue.find("SLO", promised_name(definition.name))
        if "promise" in definition.spec.entries and written is not None:
            definition.source.error(
                definition.spec.entries["promise"].key_position,
                f'promise stands for SLO "{written.name}", which is also written out in '
                f"{written.place}; keep one of them",
            )
        if rule is not None:
            rules.append(rule)
    return tuple(rules)


def _slos(catalogue: Catalogue) -> tuple[list[SloRule], list[str]]:
    rules: list[SloRule] = []
    lines: list[str] = []
    for definition in catalogue.of("SLO"):
        result = read_slo(definition, catalogue)
        lines += result.lines
        if result.rule is not None:
            rules.append(result.rule)
    return rules, lines


def _adjustments(
    catalogue: Catalogue, slos: Sequence[SloRule], transactions: Sequence[TransactionRule]
) -> tuple[Adjustment, ...]:
    by_name = {slo.name: slo for slo in slos}
    rules = {rule.name: rule for rule in transactions}
    read = (
        read_adjustment(definition, by_name, rules)
        for definition in catalogue.of("BudgetAdjustment")
    )
    found = [adjustment for adjustment in read if adjustment is not None]
    return tuple(sorted(found, key=lambda adjustment: adjustment.name))


def _passive(catalogue: Catalogue) -> list[str]:
    """Check what is only read. An SLI is checked here too, whether or not an SLO refers to it."""
    lines = [check_passive(definition, catalogue) for definition in catalogue]
    used = catalogue.used_indicators()
    for sli in catalogue.of("SLI"):
        read_indicator(sli.source, sli.spec, catalogue)
        if sli.name not in used:
            lines.append(f"{sli.source.subject} is not evaluated: no SLO refers to it")
    return [line for line in lines if line is not None]


def _stop_on_errors(problems: list[Problem]) -> None:
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise DefinitionsError(sorted(set(problems)))
