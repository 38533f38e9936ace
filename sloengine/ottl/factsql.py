"""Conditions on facts as SQL, for DuckDB.

Inside, NULL is the third state: a function errs on nil exactly where SQL gives NULL. Parts that
cannot err are joined by AND and OR; the others by a CASE that stops where the evaluator stops. The
whole is never NULL.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce

from sloengine.ottl.facttree import (
    AllFacts,
    AnyFact,
    FactNode,
    Number,
    NumberTest,
    OppositeFact,
    Text,
    TextCall,
    TextPair,
    TextTest,
    Verdict,
)
from sloengine.ottl.regex import with_python_groups
from sloengine.ottl.values import INT_MAX, INT_MIN


@dataclass(frozen=True, slots=True)
class SqlCondition:
    """A boolean SQL expression, never NULL, and the values of its `?` marks in order."""

    sql: str
    params: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Sql:
    sql: str
    params: tuple[object, ...] = ()
    errs: bool = False
    """Whether it can be NULL."""


_TRUE, _FALSE = _Sql("TRUE"), _Sql("FALSE")
_NUMBERS = {"duration": "(end_ns - start_ns)", "value": "amount_micros"}


def fact_sql(node: FactNode) -> SqlCondition:
    """Return the SQL of a whole condition."""
    compiled = _compile(node)
    sql = f"coalesce({compiled.sql}, FALSE)" if compiled.errs else compiled.sql
    return SqlCondition(sql, compiled.params)


def _compile(node: FactNode) -> _Sql:
    match node:
        case Verdict():
            return _TRUE if node.holds else _FALSE
        case OppositeFact():
            part = _compile(node.part)
            return _Sql(f"(NOT {part.sql})", part.params, part.errs)
        case AllFacts():
            return _chain([_compile(part) for part in node.parts], "AND")
        case AnyFact():
            return _chain([_compile(part) for part in node.parts], "OR")
        case TextPair():
            return _compare(_text(node.left), node.symbol, _text(node.right))
        case TextTest():
            return _text_test(node)
        case TextCall():
            return _text_call(node)
        case NumberTest():
            return _number_test(node)


def _chain(parts: list[_Sql], word: str) -> _Sql:
    if any(part.errs for part in parts):
        return reduce(lambda done, part: _stop(part, done, word), reversed(parts))
    joined = f" {word} ".join(part.sql for part in parts)
    return _Sql(f"({joined})", tuple(value for part in parts for value in part.params))


def _stop(first: _Sql, rest: _Sql, word: str) -> _Sql:
    """Go on with `rest` only where `first` neither decides nor errs."""
    when_true, when_false = ("TRUE", rest.sql) if word == "OR" else (rest.sql, "FALSE")
    sql = f"(CASE {first.sql} WHEN TRUE THEN {when_true} WHEN FALSE THEN {when_false} END)"
    return _Sql(sql, first.params + rest.params, errs=True)


def _text(column: Text) -> _Sql:
    if column.name == "dimensions":
        return _Sql("nullif(map_extract_value(dimensions, ?), '__none__')", (column.key,))
    return _Sql(column.name)


def _compare(left: _Sql, symbol: str, right: _Sql) -> _Sql:
    params = left.params + right.params
    match symbol:
        case "==":
            return _Sql(f"({left.sql} IS NOT DISTINCT FROM {right.sql})", params)
        case "!=":
            return _Sql(f"({left.sql} IS DISTINCT FROM {right.sql})", params)
        case "<" | ">":
            return _Sql(f"coalesce({left.sql} {symbol} {right.sql}, FALSE)", params)
        case _:
            # Two nils are equal, so <= and >= hold between them.
            both = f"({left.sql} IS NULL AND {right.sql} IS NULL)"
            return _Sql(f"coalesce({left.sql} {symbol} {right.sql}, {both})", params + params)


def _is_nil(column: _Sql, symbol: str) -> _Sql:
    match symbol:
        case "==" | "<=" | ">=":
            return _Sql(f"({column.sql} IS NULL)", column.params)
        case "!=":
            return _Sql(f"({column.sql} IS NOT NULL)", column.params)
        case _:
            return _FALSE


def _text_test(node: TextTest) -> _Sql:
    column = _text(node.column)
    if node.value is None:
        return _is_nil(column, node.symbol)
    if node.symbol in ("==", "!="):
        return _compare(column, node.symbol, _Sql("?", (node.value,)))
    return _Sql(f"coalesce({column.sql} {node.symbol} ?, FALSE)", (*column.params, node.value))


def _text_call(node: TextCall) -> _Sql:
    column = _text(node.column)
    if node.function == "IsMatch":
        pattern = with_python_groups(node.argument)
        return _Sql(f"coalesce(regexp_matches({column.sql}, ?), FALSE)", (*column.params, pattern))
    name = {"HasPrefix": "starts_with", "HasSuffix": "suffix"}[node.function]
    return _Sql(f"{name}({column.sql}, ?)", (*column.params, node.argument), errs=True)


def _number_test(node: NumberTest) -> _Sql:
    """Compare a whole number with an exact limit: by the nearest whole number that decides."""
    column = _number(node.column)
    if node.value is None:
        return _is_nil(column, node.symbol)
    match node.symbol:
        case "==" | "!=":
            limit = int(node.value)
            if limit != node.value or not INT_MIN <= limit <= INT_MAX:
                return _TRUE if node.symbol == "!=" else _FALSE
            return _compare(column, node.symbol, _Sql("?", (limit,)))
        case "<" | ">=":
            limit = math.ceil(node.value)
        case _:
            limit = math.floor(node.value)
    below_all, above_all = limit < INT_MIN, limit > INT_MAX
    if below_all or above_all:
        holds = above_all if node.symbol in ("<", "<=") else below_all
        return _is_nil(column, "!=") if holds else _FALSE
    return _Sql(f"coalesce({column.sql} {node.symbol} ?, FALSE)", (limit,))


def _number(column: Number) -> _Sql:
    return _Sql(_NUMBERS[column.name])
