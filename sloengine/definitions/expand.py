"""`sloengine expand`: a set of definitions with every shorthand and reference written out."""

from __future__ import annotations

from pathlib import Path

from sloengine.definitions.catalogue import OPENSLO, Catalogue, Definition
from sloengine.definitions.files import find_files, read_files
from sloengine.definitions.load import read_set
from sloengine.definitions.openslo import OUR_TYPE
from sloengine.definitions.plan import SloRule
from sloengine.definitions.writing import as_written, write_documents
from sloengine.errors import Problem
from sloengine.yamldoc import Data

_REFERENCES = {
    "conditionRef": "AlertCondition",
    "targetRef": "AlertNotificationTarget",
    "alertPolicyRef": "AlertPolicy",
}


def expand(path: Path) -> str:
    """Return every document of a set as YAML, promises and references written out.

    The result can be loaded in place of the set and promises the same. References to what OpenSLO
    cannot say inline (a BurnRatePolicy, the built-in policy) stay as they are.

    Raises:
        DefinitionsError: the set has errors.
        OperatorError: there is no such folder, or no definition in it.
    """
    problems: list[Problem] = []
    documents, complete = read_files(find_files(path), problems)
    read = read_set(documents, problems, complete=complete)
    expander = _Expander(read.catalogue)
    promised = {rule.transaction: rule for rule in read.promised}
    inlined = read.catalogue.used_indicators()
    written: list[Data] = []
    for definition in read.catalogue:
        if definition.kind == "SLI" and definition.name in inlined:
            continue
        written.append(expander.document(definition))
        rule = promised.get(definition.name)
        if definition.kind == "BusinessTransaction" and rule is not None:
            written.append(slo_document(rule))
    return write_documents(written)


def slo_document(rule: SloRule) -> dict[str, Data]:
    """Return the OpenSLO document that a promise stands for."""
    metadata: dict[str, Data] = {"name": rule.name, "displayName": rule.display_name}
    if rule.annotations:
        metadata["annotations"] = dict(rule.annotations)
    spec: dict[str, Data] = {"service": rule.service}
    if rule.description:
        spec["description"] = rule.description
    good: dict[str, Data] = {"transaction": rule.transaction, "where": rule.good.text}
    spec |= {
        "indicator": {
            "metadata": {"name": f"{rule.transaction}-good"[:63].rstrip("-")},
            "spec": {
                "ratioMetric": {
                    "counter": True,
                    "good": {"metricSource": {"type": OUR_TYPE, "spec": good}},
                    "total": {
                        "metricSource": {
                            "type": OUR_TYPE,
                            "spec": {"transaction": rule.transaction},
                        }
                    },
                }
            },
        },
        "timeWindow": [{"duration": rule.window_text, "isRolling": True}],
        "budgetingMethod": "Occurrences",
        "objectives": [{"target": objective.target} for objective in rule.objectives],
    }
    return {"apiVersion": OPENSLO, "kind": "SLO", "metadata": metadata, "spec": spec}


class _Expander:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def document(self, definition: Definition) -> Data:
        data = as_written(definition.source.document.root)
        if isinstance(data, dict) and isinstance(data["spec"], dict):
            if definition.kind == "BusinessTransaction":
                data["spec"].pop("promise", None)
            if definition.kind in {"SLO", "SLI", "AlertPolicy", "BurnRatePolicy"}:
                data["spec"] = self._resolve(data["spec"])
        return data

    def _resolve(self, data: Data) -> Data:
        if isinstance(data, list):
            return [self._resolve(item) for item in data]
        if not isinstance(data, dict):
            return data
        for key, kind in _REFERENCES.items():
            name = data.get(key)
            found = self._catalogue.find(kind, name) if isinstance(name, str) else None
            if found is not None and found.kind == kind:
                return {"kind": kind, **self._body(found)}
        resolved: dict[str, Data] = {}
        for key, value in data.items():
            sli = None
            if key == "indicatorRef" and isinstance(value, str):
                sli = self._catalogue.find("SLI", value)
            if sli is not None:
                resolved["indicator"] = self._body(sli)
            else:
                resolved[key] = self._resolve(value)
        self._name_type(resolved)
        return resolved

    def _body(self, definition: Definition) -> dict[str, Data]:
        data = as_written(definition.source.document.root)
        if not isinstance(data, dict):
            return {}
        return {"metadata": data["metadata"], "spec": self._resolve(data["spec"])}

    def _name_type(self, resolved: dict[str, Data]) -> None:
        """Write the type of a referenced data source beside the reference."""
        name = resolved.get("metricSourceRef")
        source = self._catalogue.find("DataSource", name) if isinstance(name, str) else None
        if source is not None and "type" not in resolved:
            resolved["type"] = source.spec.find(("type",)).text
