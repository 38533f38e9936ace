"""Proposals as files: working definitions, with what they were made from as comments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import yaml

from sloengine.authoring.discover.labels import Label
from sloengine.authoring.discover.limits import duration_text
from sloengine.authoring.discover.proposals import Proposal
from sloengine.report import numbers
from sloengine.report.clean import one_line
from sloengine.yamldoc import plain_scalar

WINDOW = "28d"
_ERROR = "span.status.code == STATUS_CODE_ERROR"
_NOBODY_ABOVE = "span.kind == SPAN_KIND_SERVER or span.kind == SPAN_KIND_CONSUMER"
_NO_WRAP = 10**9
_FOLD_FROM = 88
_LONG_CONDITION = re.compile(
    r"(?P<indent> *)(?P<key>-|[A-Za-z]+:) (?P<text>resource\.attributes\[.*)\n"
)


def transaction_text(proposal: Proposal, target: Decimal, comments: Sequence[str]) -> str:
    """Return the file of one proposal."""
    spec: dict[str, object] = {"description": entry_in_words(proposal)}
    if proposal.priority:
        spec["priority"] = proposal.priority
    spec["entry"] = [proposal.entry.condition]
    having: dict[str, object] = {}
    if proposal.call is not None:
        having["anySpan"] = proposal.call.condition
    if proposal.calls_nobody:
        having["noSpan"] = "span.kind == SPAN_KIND_CLIENT"
    if proposal.topmost:
        having["ancestor"] = {"noSpan": _NOBODY_ABOVE}
    if having:
        spec["having"] = having
    outcome: list[object] = [{"failed": {"reason": "error", "entry": _ERROR}}]
    if proposal.call is not None and proposal.call_fails:
        condition = f"{proposal.call.condition} and {_ERROR}"
        outcome.append({"failed": {"reason": "error", "anySpan": condition}})
    outcome.append({"slow": {"longerThan": duration_text(proposal.limit_ns)}})
    spec["outcome"] = outcome
    percent = f"{target * 100:f}"
    if "." in percent:
        percent = percent.rstrip("0").rstrip(".")
    spec["promise"] = {"target": f"{percent}%", "window": WINDOW}
    display = proposal.name.replace("-", " ")
    return _text("BusinessTransaction", proposal.name, display.capitalize(), spec, comments)


def ignore_text(name: str, labels: Sequence[Label], comments: Sequence[str]) -> str:
    """Return the file that says which traffic is nobody's business."""
    spec: dict[str, object] = {
        "description": "Probes of orchestrators and load balancers.",
        "entry": [label.condition for label in labels],
    }
    return _text("Ignore", name, "", spec, comments)


def entry_in_words(proposal: Proposal) -> str:
    """Return what a customer asks for and, where that says too little, what is called for it."""
    words = f"{proposal.entry.service or 'no service'} {proposal.entry.title}"
    if proposal.call is not None:
        words += f" → {proposal.call.title}"
    elif proposal.calls_nobody:
        words += " → nobody"
    return one_line(words)


def evidence(proposal: Proposal, good: int, total: int, used: str) -> list[str]:
    """Return what a reviewer should know of where the numbers come from."""
    bad = f"{numbers.count(total - good)} would have been bad, {used} of the budget"
    usual = f"p50 {milliseconds(proposal.p50_ns)}, p99 {milliseconds(proposal.p99_ns)}"
    lines = [
        f"{numbers.count(total)} requests: {usual}; {bad}.",
        f"The slowest: trace {proposal.example:032x}.",
    ]
    if proposal.failed * 20 > proposal.requests:
        lines.append(
            f"{numbers.count(proposal.failed)} ended with ERROR. Are these failures, or refusals "
            "that your business calls normal?"
        )
    return lines


def milliseconds(ns: int) -> str:
    """Return a measured duration with three digits or so."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if abs(ns) >= size:
            return f"{ns / size:.3g} {unit}" if abs(ns) < 1000 * size else f"{ns // size} {unit}"
    return f"{ns} ns"


def _text(
    kind: str, name: str, display: str, spec: dict[str, object], comments: Sequence[str]
) -> str:
    metadata = {"name": name} | ({"displayName": display} if display else {})
    document = {
        "apiVersion": "sloengine/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }
    body = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_NO_WRAP, indent=2
    )
    heading = "".join(f"# {one_line(line)}\n" for line in comments)
    return heading + "".join(_folded(line) for line in body.splitlines(keepends=True))


def _folded(line: str) -> str:
    """Break a long condition before each `and`, as people do: YAML reads a space there."""
    found = _LONG_CONDITION.fullmatch(line)
    if found is None or len(line) < _FOLD_FROM:
        return line
    indent = " " * (len(found["indent"]) + 2)
    clauses = found["text"].replace(" and ", f"\n{indent}and ")
    return f"{found['indent']}{found['key']} >-\n{indent}{clauses}\n"


class _Dumper(yaml.SafeDumper):
    """Writes what our own reader takes: no aliases, text kept text."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        # Lists stand below their key, indented, as in the definitions that people write.
        super().increase_indent(flow, False)


def _represent_text(dumper: _Dumper, text: str) -> yaml.Node:
    style = None if isinstance(plain_scalar(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
