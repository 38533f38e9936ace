"""Finding `*.test.yaml` and reading it into suites, with every problem of every file at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from sloengine.authoring.testing.model import Scenario, Suite
from sloengine.authoring.testing.reading_expectations import ExpectationsReader
from sloengine.authoring.testing.reading_spans import DEFAULT_KEYS, SpansReader
from sloengine.authoring.testing.values import read_instant
from sloengine.definitions import Plan, load_definitions
from sloengine.definitions.load import read_set
from sloengine.definitions.source import Source
from sloengine.errors import DefinitionsError, OperatorError, Position, Problem
from sloengine.yamldoc import Document, Node, load_file

KIND = "Test"
API_VERSION = "sloengine/v1"
SUFFIXES = (".test.yaml", ".test.yml")
DOCUMENT_KEYS = ("apiVersion", "kind", "metadata", "spec")
METADATA_KEYS = ("name", "displayName", "labels", "annotations")
SPEC_KEYS = ("description", "definitions", "start", "defaults", "scenarios")
SCENARIO_KEYS = ("name", "description", "start", "defaults", "spans", "expect")
DEFAULT_START_NS = 1_767_571_200 * 10**9
"""2026-01-05T00:00:00Z, a Monday."""
_LAST_NS = 2**63 - 366 * 86400 * 10**9


def find_tests(path: Path) -> list[Path]:
    """Return the test files below a folder in ascending order; a path to one file is that file.

    Names that begin with a dot are left out.

    Raises:
        OperatorError: there is no such path, or no test in it.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise OperatorError(f"{path}: there is no such file or folder of tests; correct the path")
    found = []
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        found += [
            Path(folder, name)
            for name in names
            if name.endswith(SUFFIXES) and not name.startswith(".")
        ]
    if not found:
        raise OperatorError(
            f"{path}: no tests here (*{SUFFIXES[0]}); write one beside your definitions, "
            "see docs/testing-definitions.md"
        )
    return sorted(found)


def load_tests(path: Path) -> tuple[Suite, ...]:
    """Read the tests below `path`, and the definitions that they are about.

    Raises:
        DefinitionsError: a test file or definitions are wrong; holds all problems of all files.
        OperatorError: there is no test.
    """
    plans = _Plans()
    problems: list[Problem] = []
    suites: list[Suite] = []
    for file in find_tests(path):
        try:
            documents = load_file(file)
        except DefinitionsError as error:
            problems += error.problems
            continue
        suites += _FileReader(file, documents, plans, problems).suites()
    if problems:
        raise DefinitionsError(sorted(set(problems)))
    return tuple(suites)


class _Plans:
    """Definitions, each folder loaded once."""

    def __init__(self) -> None:
        self._loaded: dict[Path, Plan | None] = {}

    def of_path(self, path: Path, problems: list[Problem]) -> Plan | None:
        """Return the plan of a folder or file; `None` where its problems, now noted, leave none.

        Raises OperatorError where there are no definitions.
        """
        key = path.resolve()
        if key not in self._loaded:
            try:
                self._loaded[key] = load_definitions(path).plan
            except DefinitionsError as error:
                problems += error.problems
                self._loaded[key] = None
        return self._loaded[key]


class _FileReader:
    """Reads one test file; definitions in it stand instead of those beside it."""

    def __init__(
        self,
        file: Path,
        documents: Sequence[Document],
        plans: _Plans,
        problems: list[Problem],
    ) -> None:
        self._file = file
        self._plans = plans
        self._problems = problems
        self._tests = [one for one in documents if _kind_of(one) == KIND]
        self._definitions = [one for one in documents if _kind_of(one) != KIND]

    def suites(self) -> list[Suite]:
        if not self._tests:
            message = f"there is no document of kind {KIND} in this file; add one"
            self._problems.append(Problem(Position(str(self._file), 1, 1), "", message))
            return []
        own = self._own_plan()
        suites = []
        for document in self._tests:
            suite = self._suite(document, own)
            if suite is not None:
                suites.append(suite)
        return suites

    def _own_plan(self) -> Plan | None:
        if not self._definitions:
            return None
        found: list[Problem] = []
        try:
            return read_set(self._definitions, found, complete=True).plan
        except DefinitionsError as error:
            self._problems += error.problems
            return None

    def _suite(self, document: Document, own: Plan | None) -> Suite | None:
        source = Source(document, "", self._problems)
        members = source.mapping(
            document.root, "a test", DOCUMENT_KEYS, ("apiVersion", "kind", "spec")
        )
        if members is None:
            return None
        source.choice(members["apiVersion"], "apiVersion", (API_VERSION,))
        name = ""
        metadata = members.get("metadata")
        if metadata is not None:
            heads = source.mapping(metadata, "metadata", METADATA_KEYS, ("name",)) or {}
            name = (source.name(heads["name"], "metadata.name") or "") if "name" in heads else ""
        spec = source.mapping(members["spec"], "spec", SPEC_KEYS, ("scenarios",))
        if spec is None:
            return None
        plan = self._plan(source, spec.get("definitions"), document, own)
        if "description" in spec:
            source.text(spec["description"], "spec.description")
        start_ns = _start(source, spec, "spec", DEFAULT_START_NS)
        defaults = _defaults(source, spec, "spec")
        scenarios = self._scenarios(source, spec["scenarios"], plan, defaults, start_ns)
        return None if plan is None else Suite(self._file, name, plan, scenarios)

    def _plan(
        self, source: Source, node: Node | None, document: Document, own: Plan | None
    ) -> Plan | None:
        if self._definitions:
            if node is not None:
                source.error(
                    node.key_position,
                    "spec.definitions names a path, and this file holds definitions too; keep one",
                )
            return own
        path = self._file.parent
        if node is not None:
            path = path / (source.text(node, "spec.definitions") or "")
        try:
            return self._plans.of_path(path, self._problems)
        except OperatorError as error:
            at = document.position() if node is None else node.position
            source.error(at, f"no definitions for this test: {error}")
            return None

    def _scenarios(
        self,
        source: Source,
        node: Node,
        plan: Plan | None,
        defaults: Sequence[Mapping[str, Node]],
        start_ns: int,
    ) -> tuple[Scenario, ...]:
        scenarios: list[Scenario] = []
        places: dict[str, Node] = {}
        for index, item in enumerate(source.sequence(node, "spec.scenarios")):
            scenario = _scenario(source, item, f"spec.scenarios[{index}]", plan, defaults, start_ns)
            if scenario is None:
                continue
            if scenario.name in places:
                source.error(
                    item,
                    f'scenario "{scenario.name}" stands in line '
                    f"{places[scenario.name].position.line} already; rename one",
                )
            places[scenario.name] = item
            scenarios.append(scenario)
        return tuple(scenarios)


def _scenario(
    source: Source,
    item: Node,
    what: str,
    plan: Plan | None,
    defaults: Sequence[Mapping[str, Node]],
    start_ns: int,
) -> Scenario | None:
    name_node = item.entries.get("name")
    name = name_node.text if name_node is not None and name_node.kind == "scalar" else ""
    if name:
        source = Source(source.document, f'scenario "{name}"', source.problems)
        what = "the scenario"
    members = source.mapping(item, what, SCENARIO_KEYS, ("name", "expect"))
    if members is None or not source.text(members["name"], f"{what}.name"):
        return None
    description = ""
    if "description" in members:
        description = source.text(members["description"], "description") or ""
    own = _defaults(source, members, what)
    spans, repetitions = SpansReader(source, [*defaults, *own]).read(members.get("spans"), "spans")
    expectations = ExpectationsReader(source, plan, spans).read(members["expect"], "expect")
    scenario = Scenario(
        name=name,
        description=description,
        start_ns=_start(source, members, what, start_ns),
        spans=spans,
        repetitions=repetitions,
        expectations=expectations,
        position=item.position,
    )
    _check_instants(source, scenario)
    return scenario


def _check_instants(source: Source, scenario: Scenario) -> None:
    """Every instant must fit what OTLP and the store keep: 64 bits of nanoseconds since 1970."""
    for span in scenario.spans:
        repetition = scenario.repetitions.get(span.trace)
        later_ns = 0 if repetition is None else (repetition.times - 1) * repetition.every_ns
        instants = (span.at_ns, span.end_ns, span.arrives_ns)
        first_ns = scenario.start_ns + min(instants)
        last_ns = scenario.start_ns + max(instants) + later_ns
        if not 0 <= first_ns <= last_ns < _LAST_NS:
            source.error(
                span.position,
                f'the span "{span.label}" lies before 1970 or after 2261; move it, or spec.start',
            )


def _kind_of(document: Document) -> str:
    kind = document.root.entries.get("kind")
    return kind.text if kind is not None else ""


def _start(source: Source, members: Mapping[str, Node], what: str, default_ns: int) -> int:
    if "start" not in members:
        return default_ns
    start_ns = read_instant(source, members["start"], f"{what}.start")
    return default_ns if start_ns is None else start_ns


def _defaults(
    source: Source, members: Mapping[str, Node], what: str
) -> tuple[Mapping[str, Node], ...]:
    if "defaults" not in members:
        return ()
    read = source.mapping(members["defaults"], f"{what}.defaults", DEFAULT_KEYS)
    return () if read is None else (read,)
