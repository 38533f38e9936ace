"""The same spans and conditions, here and in a real Collector filter processor."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from ottl_world import ATTRIBUTES, otlp_json, values_of
from test_ottl_collector_cases import CASES_FILE

from sloengine.ottl import Condition, EvaluationError, Field, Value, evaluator, parse_condition
from sloengine.ottl.compare import compare
from sloengine.ottl.tree import Comparison, walk
from sloengine.ottl.tree import Path as PathNode
from sloengine.ottl.values import Operand, type_name

pytestmark = [pytest.mark.collector, pytest.mark.slow, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
OPERATORS = ["==", "!=", "<", "<=", ">", ">="]
SCALARS = ["bool", "int", "double", "string", "bytes"]
TYPES = ["nil", *SCALARS, "list", "map"]
WANTED = {"true": 1000, "false": 1000, "error": 500}

Item = TypeVar("Item")
Ask = Callable[[Sequence[dict[str, Any]]], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Build the Go program beside this file and return a way to ask it many questions at once."""
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        pytest.skip("Go is not installed: the Collector's own code cannot be asked")
    program = tmp_path_factory.mktemp("collector") / "ask"
    subprocess.run(
        [go, "build", "-trimpath", "-buildvcs=false", "-o", str(program), "."],
        cwd=HERE / "collector",
        check=True,
    )

    def put(questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        lines = "\n".join(json.dumps(question) for question in questions)
        done = subprocess.run(
            [str(program)], input=lines, capture_output=True, text=True, check=True
        )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == len(questions)
        return answers

    return put


def verdict(answer: dict[str, Any]) -> str:
    if "value" in answer:
        return str(answer["value"]).lower()
    return next(iter(answer))


def test_the_table_of_cases_is_what_the_collector_still_decides(ask: Ask) -> None:
    cases = [json.loads(line) for line in CASES_FILE.read_text("utf-8").splitlines()]
    data = otlp_json(ATTRIBUTES)
    answers = ask([{"mode": case["mode"], "text": case["text"], "data": data} for case in cases])
    differences = []
    for case, answer in zip(cases, answers, strict=True):
        expected = {key: case[key] for key in case if key not in ("mode", "text")}
        found = answer if "value" in answer else dict.fromkeys(answer, True)
        if found != expected:
            differences.append((case["text"], expected, found))
    assert differences == []


class Writer:
    """Writes random spans and conditions; the same seed writes the same."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one_of(self, *items: Item) -> Item:
        return self.random.choice(items)

    def attribute(self, depth: int = 0) -> Value:
        return self.of_type(self.one_of(*(TYPES if depth == 0 else SCALARS)))

    def of_type(self, name: str) -> Value:
        match name:
            case "nil":
                return None
            case "bool":
                return self.one_of(True, False)
            case "int":
                big = self.one_of(2**63 - 1, -(2**63) + 1, 2**53 + 1, 500)
                return self.one_of(self.random.randint(-3, 3), big)
            case "double":
                return self.one_of(-1.5, 0.0, 1.0, 2.0, 500.0, 1e-7, 1e21, float(2**53))
            case "string":
                return self.one_of("", "a", "ab", "500", "1", "true", "GET /api", "h\u00e9", "2.5")
            case "bytes":
                return self.one_of(b"", b"\x01", b"\x01\x02", b"a")
            case "list":
                return [self.attribute(1) for _ in range(self.random.randint(0, 2))]
            case _:
                keys = self.random.sample("xyz", self.random.randint(0, 2))
                return {key: self.attribute(1) for key in keys}

    def attributes(self) -> dict[str, Value]:
        found = {key: self.attribute() for key in "abcd"}
        return {key: value for key, value in found.items() if value is not None}

    def path(self) -> str:
        key = self.one_of(*"abcd", "missing")
        path = f'span.attributes["{key}"]'
        return self.one_of(path, path, path, path, f'{path}["x"]', f"{path}[0]")

    def literal(self) -> str:
        return self.one_of(
            *("nil", "true", "false", "0", "1", "-1", "2.0", "500", "1.5", '"a"', '""', '"500"'),
            *("0x01", "0x0102", "[]", "[1]", '["a", 1]', "{}", '{"x": 1}', "SPAN_KIND_SERVER"),
            *("STATUS_CODE_ERROR", "9223372036854775807", '"GET /api"', "9007199254740992.0"),
        )

    def number(self) -> str:
        return self.one_of("1", "2", "0", "1.5", "span.kind", self.path(), 'Len("abc")')

    def call(self) -> str:
        target = self.path()
        text = self.one_of(target, "span.name", '"ab,c"', f"String({target})")
        return self.one_of(
            f"{self.one_of('Int', 'Double', 'String', 'Bool', 'Len', 'Hex')}({target})",
            f"{self.one_of('ToLowerCase', 'ToUpperCase', 'Trim', 'SHA256', 'FNV')}({text})",
            f"{self.one_of('ToSnakeCase', 'ToCamelCase', 'Base64Encode', 'MD5')}({text})",
            f"Substring({self.one_of('span.name', target)}, 0, {self.one_of(1, 2)}, true)",
            f'Concat([{target}, "-", {self.literal_scalar()}], ",")',
            f'Split({text}, ",")[{self.one_of(0, 0, 1)}]',
            f"Coalesce([{target}, {self.literal_scalar()}])",
            f"Index({target}, {self.literal_scalar()})",
            f'TrimPrefix({text}, "a")',
            f"ParseJSON({self.one_of(target, _QUOTED_JSON)})" + self.one_of('["x"]', ""),
            f"Milliseconds(span.end_time - span.start_time) + {self.number()}",
            "span.kind.string",
            "span.trace_state",
            "span.trace_id",
            "span.end_time - span.start_time",
            self.one_of('Duration("5s")', 'Duration("1m")'),
        )

    def literal_scalar(self) -> str:
        return self.one_of("nil", "1", "2.5", '"a"', "true", "0")

    def operand(self) -> str:
        kind = self.random.random()
        if kind < 0.5:
            return self.path()
        if kind < 0.7:
            return self.literal()
        if kind < 0.85:
            return self.call()
        return f"{self.number()} {self.one_of('+', '-', '*', '/')} {self.number()}"

    def test(self) -> str:
        target = self.path()
        text = self.one_of(target, "span.name")
        return self.one_of(
            f'IsMatch({text}, "{self.one_of("^a", "[0-9]+", "", "o|x", "^true$", "(?i)get")}")',
            f'HasPrefix({text}, "{self.one_of("a", "", "G", "o")}")',
            f'HasSuffix({text}, "{self.one_of("p", "b", "")}")',
            f"Is{self.one_of('String', 'Int', 'Bool', 'Double', 'Map', 'List')}({target})",
            f"IsEmpty({target})",
            f"ContainsValue({target}, {self.literal_scalar()})",
            f"Bool({target})",
            "IsRootSpan()",
        )

    def condition(self, depth: int = 0) -> str:
        kind = self.random.random()
        if depth < 2 and kind < 0.35:
            word = self.one_of(" and ", " or ")
            parts = [self.condition(depth + 1) for _ in range(self.random.randint(2, 3))]
            return f"({word.join(parts)})"
        if depth < 2 and kind < 0.45:
            return f"not ({self.condition(depth + 1)})"
        if kind < 0.65:
            return self.test()
        return f"{self.operand()} {self.one_of(*OPERATORS)} {self.operand()}"


_QUOTED_JSON = '"{\\"x\\": [1, null]}"'


def ours(text: str, attributes: dict[str, Value], parent: bytes) -> str:
    try:
        return str(parse_condition(text).evaluate(values_of(attributes, parent=parent))).lower()
    except EvaluationError:
        return "error"


def pairs_of_types(text: str, attributes: dict[str, Value]) -> Counter[tuple[str, str, str]]:
    """Which operators meet which two types of plain attributes in a condition."""
    values = values_of(attributes)
    found: Counter[tuple[str, str, str]] = Counter()
    for node in walk(parse_condition(text).root):
        if (
            isinstance(node, Comparison)
            and isinstance(node.left, PathNode)
            and isinstance(node.right, PathNode)
        ):
            left = type_name(node.left.read(values.get(node.left.source)))
            right = type_name(node.right.read(values.get(node.right.source)))
            found[node.symbol, left, right] += 1
    return found


def test_random_conditions_on_random_spans_are_decided_alike(
    ask: Ask, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(seed=20260101)
    chosen: list[tuple[str, dict[str, Value], bytes, str]] = []
    counts: Counter[str] = Counter()
    while any(counts[name] < wanted for name, wanted in WANTED.items()):
        text, attributes = writer.condition(), writer.attributes()
        parent = writer.one_of(bytes(8), b"12345678")
        found = ours(text, attributes, parent)
        if counts[found] < WANTED[found]:
            counts[found] += 1
            chosen.append((text, attributes, parent, found))
    for left, symbol, right in itertools.product(TYPES, OPERATORS, TYPES * 4):
        text = f'span.attributes["l"] {symbol} span.attributes["r"]'
        attributes = {"l": writer.of_type(left), "r": writer.of_type(right)}
        attributes = {key: value for key, value in attributes.items() if value is not None}
        chosen.append((text, attributes, bytes(8), ours(text, attributes, bytes(8))))
    answers = ask(
        [
            {
                "mode": "filter",
                "text": text,
                "data": otlp_json(attributes, parent=parent if any(parent) else b""),
            }
            for text, attributes, parent, _ in chosen
        ]
    )
    differences = [
        (text, attributes, found, answer)
        for (text, attributes, _, found), answer in zip(chosen, answers, strict=True)
        if verdict(answer) != found
    ]
    matrix: Counter[tuple[str, str, str]] = Counter()
    for text, attributes, _, _ in chosen:
        matrix.update(pairs_of_types(text, attributes))
    with capsys.disabled():
        print(f"\n{len(chosen)} pairs: {dict(Counter(found for *_, found in chosen))}")
        for (symbol, left, right), count in sorted(matrix.items()):
            print(f"{left:>8} {symbol:2} {right:8} {count}")
    assert differences == []
    assert set(matrix) >= set(itertools.product(OPERATORS, TYPES, TYPES))
    parsed = [
        (parse_condition(text), values_of(attributes, parent=parent), verdict(answer))
        for (text, attributes, parent, _), answer in zip(chosen, answers, strict=True)
    ]
    for symbol, other in itertools.permutations(OPERATORS, 2):
        with monkeypatch.context() as patch:
            patch.setattr(evaluator, "compare", swapped(symbol, other))
            assert any(
                decided(condition, values) != answer for condition, values, answer in parsed
            ), f"taking {symbol} for {other} would not be noticed"


def swapped(symbol: str, other: str) -> Callable[[Operand, str, Operand], bool]:
    """A comparison that mistakes one operator for another."""
    return lambda left, used, right: compare(left, other if used == symbol else used, right)


def decided(condition: Condition, values: dict[Field, Value]) -> str:
    try:
        return str(condition.evaluate(values)).lower()
    except EvaluationError:
        return "error"
