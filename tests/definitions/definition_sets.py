"""Small sets of definitions for tests, and what becomes of them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from sloengine.definitions import LoadedDefinitions, Plan, load_definitions
from sloengine.errors import DefinitionsError

ENTRY = 'entry: span.name == "POST /api/checkout"'


def transaction(spec: str = ENTRY, *, name: str = "checkout", metadata: str = "") -> str:
    """Return a BusinessTransaction with a spec; `metadata` continues its braces."""
    body = textwrap.indent(textwrap.dedent(spec).strip("\n"), "  ")
    return (
        "apiVersion: sloengine/v1\nkind: BusinessTransaction\n"
        f"metadata: {{name: {name}{metadata}}}\nspec:\n{body}\n"
    )


def slo(
    *,
    name: str = "checkout-slo",
    good: str = '{transaction: checkout, where: transaction.outcome == "good"}',
    total: str = "{transaction: checkout}",
    window: str = "[{duration: 28d, isRolling: true}]",
    method: str = "Occurrences",
    objectives: str = "[{target: 0.995}]",
    key: str = "good",
    extra: str = "",
) -> str:
    """Return an OpenSLO SLO over the transaction `checkout`."""
    return f"""\
apiVersion: openslo/v1
kind: SLO
metadata: {{name: {name}}}
spec:
  service: shop
  indicator:
    metadata: {{name: i}}
    spec:
      ratioMetric:
        counter: true
        {key}: {{metricSource: {{type: sloengine, spec: {good}}}}}
        total: {{metricSource: {{type: sloengine, spec: {total}}}}}
  timeWindow: {window}
  budgetingMethod: {method}
  objectives: {objectives}
{extra}"""


def write(folder: Path, *texts: str) -> Path:
    """Write documents as files of a folder, in the order of their names, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, text in enumerate(texts):
        (folder / f"{index:03}.yaml").write_text(text, encoding="utf-8")
    return folder


def load(folder: Path, *texts: str) -> LoadedDefinitions:
    """Write documents and load them."""
    return load_definitions(write(folder, *texts))


def plan_of(folder: Path, *texts: str) -> Plan:
    """Return the plan of some documents."""
    return load(folder, *texts).plan


def errors_of(folder: Path, *texts: str) -> list[str]:
    """Return the messages about documents that are wrong, without their places."""
    with pytest.raises(DefinitionsError) as caught:
        load(folder, *texts)
    return [problem.message for problem in caught.value.problems]
