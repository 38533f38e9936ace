"""Data -> YAML that our own reader takes: no aliases, no tags, numbers as they were written."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import yaml

from sloengine.yamldoc import Data, Node, plain_scalar


def write_documents(documents: Sequence[Data]) -> str:
    """Return the YAML of several documents, each after its `---`; keys keep their order."""
    return yaml.dump_all(
        documents,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        explicit_start=True,
    )


class _Written(str):
    """A number or other plain scalar, to be printed as it was written."""

    __slots__ = ()


def as_written(node: Node) -> Data:
    """Return plain data whose plain scalars keep the way in which they were written."""
    if node.kind == "mapping":
        return {key: as_written(value) for key, value in node.entries.items()}
    if node.kind == "sequence":
        return [as_written(item) for item in node.items]
    if isinstance(node.value, str) or node.value is None:
        return node.value
    return _Written(node.text)


class _Dumper(yaml.SafeDumper):
    """Writes only what our own reader accepts: no aliases, no tags, exact numbers."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.Node:
    reads_as_text = isinstance(plain_scalar(text), str) if len(text) < 64 else True
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style=None if reads_as_text else "'"
    )


def _represent_written(dumper: _Dumper, text: _Written) -> yaml.Node:
    return _plain(dumper, str(text))


def _represent_decimal(dumper: _Dumper, value: Decimal) -> yaml.Node:
    return _plain(dumper, f"{value:f}")


def _plain(dumper: _Dumper, text: str) -> yaml.Node:
    # The tag that PyYAML itself would read keeps it from writing one out.
    resolve: Any = dumper.resolve
    tag = resolve(yaml.ScalarNode, text, (True, False))
    return dumper.represent_scalar(tag, text)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(_Written, _represent_written)
_Dumper.add_representer(Decimal, _represent_decimal)
