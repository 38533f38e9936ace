"""A test file says exactly what it means, or an error says where it does not."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml
from scenario_files import DEFINITIONS, HEAD, write

from sloengine.authoring.testing import TEST_SCHEMA, Suite, find_tests, load_tests
from sloengine.authoring.testing.files import SCENARIO_KEYS, SPEC_KEYS
from sloengine.authoring.testing.reading_expectations import (
    EXPECT_KEYS,
    SLO_KEYS,
    TRANSACTION_KEYS,
)
from sloengine.authoring.testing.reading_spans import DEFAULT_KEYS, SPAN_KEYS
from sloengine.errors import DefinitionsError, OperatorError

REPOSITORY = Path(__file__).parents[2]
SHIPPED = [
    *find_tests(REPOSITORY / "tests/conformance"),
    *find_tests(REPOSITORY / "slo-definitions"),
]
FIRST_LINE = (DEFINITIONS + HEAD).count("\n") + 1


def problems_of(path: Path) -> list[str]:
    """`line:column: subject: message`, lines counted from the first scenario."""
    with pytest.raises(DefinitionsError) as caught:
        load_tests(path)
    return [
        str(one)
        .removeprefix(f"{path}:")
        .replace(str(one.position.line), str(one.position.line - FIRST_LINE + 1), 1)
        for one in caught.value.problems
    ]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param(
            "spans: [{name: order, durration: 1s}]",
            '1:39: scenario "a": unknown key "durration" in spans[0]; did you mean "duration"?',
            id="unknown key",
        ),
        pytest.param(
            "spans: [{kind: server}]",
            '1:25: scenario "a": spans[0] needs "name"; add it',
            id="a span without a name",
        ),
        pytest.param(
            "spans: [{name: x, kind: sever}]",
            '1:41: scenario "a": spans[0].kind cannot be "sever"; did you mean "server"?',
            id="unknown kind",
        ),
        pytest.param(
            "spans: [{id: top, name: x}, {parent: tip, name: y}]",
            '1:54: scenario "a": no span of the trace has the id "tip"; did you mean "top"? '
            "A parent that never arrives is written as missingParent",
            id="a parent that is not there",
        ),
        pytest.param(
            "spans: [{id: top, name: x}, {missingParent: top, name: y}]",
            '1:61: scenario "a": the span "top" is in the trace, so it is not missing; use parent',
            id="a missing parent that is there",
        ),
        pytest.param(
            "spans: [{name: x, at: 5}]",
            '1:39: scenario "a": spans[0].at "5" has no unit; write a number and a unit, like 4s, '
            "1h30m or 28d",
            id="an offset without a unit",
        ),
        pytest.param(
            "spans: [{name: x, every: 1s}]",
            '1:35: scenario "a": spans[0] has "every" without "times"; add it',
            id="every without times",
        ),
        pytest.param(
            "spans: [{name: x, attributes: {big: 9223372036854775808}}]",
            '1:53: scenario "a": spans[0].attributes.big does not fit 64 bits; quote it if it is '
            "text",
            id="an integer that OTLP cannot carry",
        ),
        pytest.param(
            "expect: {transactions: [{transaction: ordr}]}",
            '1:55: scenario "a": expect.transactions[0].transaction "ordr" does not exist; did you '
            'mean "order"?',
            id="unknown transaction",
        ),
        pytest.param(
            "expect: {transactions: [{transaction: order, outcome: bad}]}",
            '1:71: scenario "a": expect.transactions[0].outcome cannot be "bad"; known here: '
            "abandoned, excluded, failed, good, slow, unknown",
            id="unknown outcome",
        ),
        pytest.param(
            "expect: {transactions: [{transaction: order, dimensions: {teir: x}}]}",
            '1:75: scenario "a": transaction "order" has no dimension "teir"; did you mean "tier"?',
            id="unknown dimension",
        ),
        pytest.param(
            "expect: {slos: [{slo: order, good: 1}]}",
            '1:39: scenario "a": expect.slos[0].slo "order" does not exist; known here: '
            "order-experience",
            id="unknown SLO",
        ),
        pytest.param(
            "expect: {slos: [{slo: order-experience, sli: about half}]}",
            '1:62: scenario "a": expect.slos[0].sli "about half" is not an exact number; write it '
            "like 9, 0.5, 111/118 or null",
            id="a number that is none",
        ),
        pytest.param(
            "expect: {slos: [{slo: order-experience}]}",
            '1:33: scenario "a": expect.slos[0] expects nothing of the SLO; add one of good, '
            "total, excluded, unknown, corrected, sli, budget, burnRate, state, reasons",
            id="an SLO of which nothing is expected",
        ),
        pytest.param(
            "expect: {at: 1m}",
            '1:25: scenario "a": expect expects nothing; add one of transactions, slos, counters, '
            "alerts",
            id="nothing expected",
        ),
        pytest.param(
            "expect: [{at: 1m, transactions: []}, {at: 1m, transactions: []}]",
            '1:54: scenario "a": expect stands twice for at 1m; put both into one',
            id="one instant twice",
        ),
        pytest.param(
            "start: yesterday",
            '1:24: scenario "a": the scenario.start "yesterday" is not an instant; write it with '
            "its zone, like 2026-03-29T00:00:00Z",
            id="no instant",
        ),
        pytest.param(
            "spans: [{name: x, at: -80w, duration: 100w, arrives: -3000w}]",
            '1:25: scenario "a": the span "span 1" lies before 1970 or after 2261; move it, or '
            "spec.start",
            id="before all time",
        ),
        pytest.param(
            "spans: [{name: x, times: 100001}]",
            '1:42: scenario "a": spans[0].times "100001" must be a whole number from 1 to 100,000',
            id="too many",
        ),
    ],
)
def test_each_mistake_is_named_with_its_place_and_its_cure(
    tmp_path: Path, keys: str, expected: str
) -> None:
    if "expect:" not in keys:
        keys += ", expect: {transactions: []}"
    assert problems_of(write(tmp_path, f"    - {{name: a, {keys}}}\n")) == [expected]


def test_a_name_stands_for_one_scenario(tmp_path: Path) -> None:
    twice = "    - {name: a, expect: {transactions: []}}\n" * 2
    assert problems_of(write(tmp_path, twice)) == [
        f'2:7: scenario "a" stands in line {FIRST_LINE} already; rename one'
    ]


def test_all_problems_of_all_files_and_of_their_definitions_come_at_once(tmp_path: Path) -> None:
    write(tmp_path, "    - {name: a, expekt: 1}\n", name="one")
    write(tmp_path, "    - {name: b, expect: {slos: [{slo: x, good: 1}]}}\n", name="two")
    write(
        tmp_path,
        "    - {name: c, expect: {transactions: [{transaction: order, outcome: bad}]}}\n",
        name="zoo",
        definitions=DEFINITIONS.replace("entry:", "entree:", 1),
    )
    with pytest.raises(DefinitionsError) as caught:
        load_tests(tmp_path)
    places = [
        (Path(one.position.file).name, one.message.split(";")[0]) for one in caught.value.problems
    ]
    assert places == [
        ("one.test.yaml", 'the scenario needs "expect"'),
        ("one.test.yaml", 'unknown key "expekt" in the scenario'),
        ("two.test.yaml", 'expect.slos[0].slo "x" does not exist'),
        ("zoo.test.yaml", 'spec needs "entry"'),
        ("zoo.test.yaml", 'unknown key "entree" in spec'),
        ("zoo.test.yaml", 'expect.transactions[0].outcome cannot be "bad"'),
    ]


def test_a_file_without_a_test_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.test.yaml").write_text("# nothing yet\n", encoding="utf-8")
    with pytest.raises(DefinitionsError, match="there is no document of kind Test"):
        load_tests(tmp_path)


def test_a_folder_without_tests_and_a_path_that_is_not_there_say_so(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"no tests here \(\*\.test\.yaml\)"):
        load_tests(tmp_path)
    with pytest.raises(OperatorError, match="no such file or folder of tests"):
        load_tests(tmp_path / "nowhere")


def test_definitions_are_those_beside_the_file_unless_it_names_or_holds_others(
    tmp_path: Path,
) -> None:
    def plan(path: Path) -> list[str]:
        (suite,) = load_tests(path)
        return [rule.name for rule in suite.plan.transactions]

    beside = DEFINITIONS.removesuffix("---\n")
    scenario = "    - {name: a, expect: {transactions: []}}\n"
    (tmp_path / "set").mkdir()
    (tmp_path / "set/order.yaml").write_text(beside, encoding="utf-8")
    assert plan(write(tmp_path / "set", scenario, definitions="")) == ["look", "order"]
    elsewhere = write(tmp_path / "tests", scenario, definitions="")
    with pytest.raises(DefinitionsError, match="no definitions for this test"):
        load_tests(elsewhere)
    text = elsewhere.read_text(encoding="utf-8")
    elsewhere.write_text(text.replace("spec:", "spec:\n  definitions: ../set"), encoding="utf-8")
    assert plan(elsewhere) == ["look", "order"]
    own = DEFINITIONS.replace("name: order", "name: other-order")
    assert plan(write(tmp_path / "set", scenario, definitions=own)) == ["look", "other-order"]
    both = write(tmp_path / "set", scenario, definitions=own)
    text = both.read_text(encoding="utf-8").replace(
        "spec:\n  scen", "spec:\n  definitions: .\n  scen"
    )
    both.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionsError, match="this file holds definitions too; keep one"):
        load_tests(both)


def test_defaults_lie_below_what_a_span_says_and_attributes_are_merged(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "    - name: a\n"
        "      defaults: {kind: server, attributes: {b: 2}}\n"
        "      spans:\n"
        "        - {name: x}\n"
        "        - {service: web, name: y, kind: client, duration: 2s, attributes: {a: one}}\n"
        "      expect: {transactions: []}\n",
    )
    text = path.read_text(encoding="utf-8")
    defaults = "  defaults: {service: shop, duration: 1s, attributes: {a: 1, c: 3}}\n  scenarios:"
    path.write_text(text.replace("  scenarios:", defaults), encoding="utf-8")
    (suite,) = load_tests(path)
    first, second = suite.scenarios[0].spans
    assert (first.kind, first.duration_ns, dict(first.resource)) == (
        2,
        10**9,
        {"service.name": "shop"},
    )
    assert first.attributes == {"a": 1, "b": 2, "c": 3}
    assert (second.kind, second.duration_ns, dict(second.resource)) == (
        3,
        2 * 10**9,
        {"service.name": "web"},
    )
    assert second.attributes == {"a": "one", "b": 2, "c": 3}


def test_expectations_stand_in_order_of_time_and_the_end_comes_last(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "    - name: a\n"
        "      expect:\n"
        "        - {transactions: []}\n"
        "        - {at: 2h, transactions: []}\n"
        "        - {at: -1m, transactions: []}\n",
    )
    (suite,) = load_tests(path)
    shown = [expectation.shown_at for expectation in suite.scenarios[0].expectations]
    assert shown == ["at -1m", "at 2h", "at the end"]


# The schema


def schema_at(*path: str) -> dict[str, object]:
    here = TEST_SCHEMA
    for step in path:
        here = here["items"] if step == "[]" else here["properties"][step]
    properties: dict[str, object] = here["properties"]
    return properties


def test_the_schema_knows_the_keys_that_the_reader_knows() -> None:
    scenario = ("spec", "scenarios", "[]")
    expectation = TEST_SCHEMA["properties"]["spec"]["properties"]["scenarios"]["items"][
        "properties"
    ]["expect"]["anyOf"][0]["properties"]
    assert list(schema_at("spec")) == list(SPEC_KEYS)
    assert list(schema_at(*scenario)) == list(SCENARIO_KEYS)
    assert set(schema_at(*scenario, "spans", "[]")) == set(SPAN_KEYS)
    assert set(schema_at(*scenario, "defaults")) == set(DEFAULT_KEYS)
    assert list(expectation) == list(EXPECT_KEYS)
    assert set(expectation["transactions"]["items"]["properties"]) == set(TRANSACTION_KEYS)
    assert set(expectation["slos"]["items"]["properties"]) == set(SLO_KEYS)


@pytest.mark.parametrize("file", SHIPPED, ids=[path.name for path in SHIPPED])
def test_every_shipped_test_fits_the_schema(file: Path) -> None:
    documents = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    tests = [document for document in documents if document["kind"] == "Test"]
    assert tests
    for document in tests:
        jsonschema.validate(document, TEST_SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "Tests"},
        {"spec": {}},
        {"spec": {"scenarios": [{"name": "a", "expect": {"slo": []}}]}},
        {"spec": {"scenarios": [{"name": "a", "expect": {}, "spans": [{"name": 1, "kid": 1}]}]}},
        {"spec": {"scenarios": [{"name": "a", "expect": {"transactions": [{"outcome": "good"}]}}]}},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(change: dict[str, object]) -> None:
    document = {
        "apiVersion": "sloengine/v1",
        "kind": "Test",
        "spec": {"scenarios": [{"name": "a", "expect": {"transactions": []}}]},
    }
    jsonschema.validate(document, TEST_SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document | change, TEST_SCHEMA)


def test_a_suite_knows_where_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path, "    - {name: a, expect: {transactions: []}}\n")
    (suite,) = load_tests(path)
    assert isinstance(suite, Suite)
    assert suite.file == path
    assert str(suite.scenarios[0].position) == f"{path}:{FIRST_LINE}:7"
