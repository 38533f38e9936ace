"""Every definition of a set by kind and name, before its body is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sloengine.definitions.source import NAME, Source, did_you_mean
from sloengine.errors import Position, Problem
from sloengine.yamldoc import Document, Node

OURS = "sloengine/v1"
OPENSLO = "openslo/v1"
KINDS: Mapping[str, tuple[str, ...]] = {
    OURS: ("BusinessTransaction", "Ignore", "Journey", "BurnRatePolicy", "BudgetAdjustment"),
    OPENSLO: (
        "SLO",
        "SLI",
        "Service",
        "DataSource",
        "AlertPolicy",
        "AlertCondition",
        "AlertNotificationTarget",
    ),
}
HEAD = ("apiVersion", "kind", "metadata", "spec")
METADATA = ("name", "displayName", "labels", "annotations")
RESERVED = {"other": "traffic that no definition maps", "ignored": "what kind Ignore names"}
BUILT_IN_POLICY = "workbook"
# One reference, alertPolicyRef, may name either kind, so they share their names.
_SHARED_NAMES = {"BurnRatePolicy": "AlertPolicy"}


@dataclass(frozen=True, slots=True)
class Definition:
    """A document with a valid head: what it is, and where its body stands."""

    kind: str
    name: str
    display_name: str
    annotations: Mapping[str, str]
    source: Source
    spec: Node

    @property
    def position(self) -> Position:
        """Where the document starts."""
        return self.source.document.root.position

    @property
    def place(self) -> str:
        """`file:line` for people."""
        return f"{self.position.file}:{self.position.line}"


class Catalogue:
    """The definitions of a set; names are unique for each kind."""

    def __init__(self) -> None:
        self._by_kind: dict[str, dict[str, Definition]] = {}
        self.promised: set[str] = set()
        """Names of the SLOs that promises stand for."""
        self.unreadable = False
        """Whether some document could not be read at all, so that a name may be missing here."""

    def add(self, definition: Definition) -> None:
        """Add a definition; a name that is taken is an error at the later one."""
        space = _SHARED_NAMES.get(definition.kind, definition.kind)
        names = self._by_kind.setdefault(space, {})
        first = names.get(definition.name)
        if first is not None:
            definition.source.error(
                _name_position(definition),
                f'the name "{definition.name}" is already used in {first.place}; rename one',
            )
            return
        names[definition.name] = definition

    def of(self, kind: str) -> list[Definition]:
        """Return the definitions of a kind in ascending order of name."""
        space = _SHARED_NAMES.get(kind, kind)
        names = self._by_kind.get(space, {})
        return [names[name] for name in sorted(names) if names[name].kind == kind]

    def find(self, kind: str, name: str) -> Definition | None:
        """Return a definition by name; `None` where there is none."""
        return self._by_kind.get(_SHARED_NAMES.get(kind, kind), {}).get(name)

    def names(self, kind: str) -> list[str]:
        """Return the names that a reference to a kind may use, in ascending order."""
        names = set(self._by_kind.get(_SHARED_NAMES.get(kind, kind), {}))
        if kind == "AlertPolicy":
            names.add(BUILT_IN_POLICY)
        if kind == "SLO":
            names |= self.promised
        return sorted(names)

    def refer(self, source: Source, node: Node, kind: str, what: str) -> Definition | None:
        """Return the definition that a reference names; an unknown one is noted as an error."""
        name = source.text(node, what)
        if name is None:
            return None
        found = self.find(kind, name)
        if found is None and not (self.unreadable and NAME.fullmatch(name)):
            cure = did_you_mean(name, self.names(kind))
            source.error(node, f'there is no {kind} "{name}"{cure or "; define it"}')
        return found

    def used_indicators(self) -> set[str]:
        """Return the names of the SLIs that some SLO, or an objective of one, refers to."""
        holders = []
        for slo in self.of("SLO"):
            holders.append(slo.spec)
            if "objectives" in slo.spec.entries:
                holders += slo.spec.entries["objectives"].items
        references = (holder.entries.get("indicatorRef") for holder in holders)
        return {node.text for node in references if node is not None}

    def __iter__(self) -> Iterator[Definition]:
        """All definitions, by kind and name."""
        for space in sorted(self._by_kind):
            for name in sorted(self._by_kind[space]):
                yield self._by_kind[space][name]


def read_head(document: Document, problems: list[Problem]) -> Definition | None:
    """Read `apiVersion`, `kind` and `metadata` of a document; problems are noted.

    `None` where it cannot be said what the document is.
    """
    nameless = Source(document, "", problems)
    root = document.root
    if root.kind != "mapping":
        nameless.error(root, "a definition must be a mapping that starts with apiVersion and kind")
        return None
    kind = _kind(nameless, root)
    if kind is None:
        return None
    name_node = root.find(("metadata", "name"))
    shown = name_node.text if name_node.kind == "scalar" else ""
    source = Source(document, f'{kind} "{shown}"' if shown else kind, problems)
    members = source.mapping(root, "a definition", HEAD, ("metadata", "spec"))
    if members is None:
        return None
    metadata = source.mapping(members["metadata"], "metadata", METADATA, ("name",))
    if metadata is None:
        return None
    name = source.name(metadata["name"], "metadata.name")
    if name is None:
        return None
    display = metadata.get("displayName")
    if "labels" in metadata:
        source.labels(metadata["labels"], "metadata.labels")
    return Definition(
        kind,
        name,
        (source.text(display, "metadata.displayName") or "") if display else "",
        source.annotations(metadata["annotations"], "metadata.annotations")
        if "annotations" in metadata
        else {},
        source,
        members["spec"],
    )


def _kind(source: Source, root: Node) -> str | None:
    for key in ("apiVersion", "kind"):
        if key not in root.entries:
            source.error(root, f'a definition needs "{key}"; add it')
            return None
    version, kind = root.entries["apiVersion"], root.entries["kind"]
    if version.text not in KINDS:
        source.error(
            version,
            f'apiVersion cannot be "{version.text}"{did_you_mean(version.text, list(KINDS))}',
        )
        return None
    if kind.text in KINDS[version.text]:
        return kind.text
    for other, kinds in KINDS.items():
        if kind.text in kinds:
            source.error(version, f"kind {kind.text} belongs to apiVersion {other}; write that")
            return None
    cure = did_you_mean(kind.text, KINDS[version.text])
    source.error(kind, f'unknown kind "{kind.text}" in apiVersion {version.text}{cure}')
    return None


def _name_position(definition: Definition) -> Position:
    return definition.source.document.position(("metadata", "name"))
