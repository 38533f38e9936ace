"""By value of a dimension, in every form: the same numbers, no data is a state, money is exact."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from report_samples import HOSTILE, by_tier, evaluation, flawless, met, missed, silent
from rich.cells import cell_len

from sloengine.evaluate.evaluation import Amount, Evaluation, Money
from sloengine.report import (
    JSON_SCHEMA,
    ReportRequest,
    TerminalStyle,
    render,
    render_csv,
    render_detail,
    render_html,
    render_json,
    render_markdown,
    render_text,
)
from sloengine.report.parts import decimal_text

CHECKOUT = by_tier(missed(), "gold", "__none__")
ALL = evaluation(met(), CHECKOUT)
TABLE = """\
checkout-experience
Who was hit: 1,427 bad by tier
  TIER                        TOTAL     GOOD    BAD   ACTUAL  OF BAD  OF BUDGET  EXCLUDED  UNKNOWN
  gold                          712      356    356   50.00%   25.0%      38.7%         0        1
  __none__                      713      357    356   50.07%   24.9%      38.7%         0        1
  __other__                       0        0      0  no data    0.0%          –         0        1
  before 27 Oct 2026 00:00  182,785  182,070    715   99.60%   50.1%      77.7%         0        1
  all                       184,210  182,783  1,427   99.22%  100.0%     155.0%         7        0
• __other__: 4 further values; the 2 with most transactions are shown (limit)
• __other__: more values than the store tells apart are in it
• __none__: no span said its tier
• values of tier are known from 27 Oct 2026 00:00 on; 182,785 transactions were counted before

In money, by tier
  TIER           CURRENCY     TRIED      GOOD    BAD  WITH AMOUNT
  gold                EUR  1,234.50  1,200.00  34.50           40
  __none__            EUR  1,234.50  1,200.00  34.50           40
  all                 EUR  1,234.50  1,200.00  34.50           40
            (no currency)        −5         0     −5            1
• without an amount: 2 good and 3 bad transactions, in no sum of money
• 7 transactions in currencies beyond the 2 commonest are in no sum of money
• money is known from 27 Oct 2026 00:00 on
"""


def named(text: str) -> Evaluation:
    """Values, a currency and the dimension that others wrote."""
    slo = by_tier(missed(), text, f"{text} ")
    assert slo.by is not None
    first, *rest = slo.by.parts
    money = Money((Amount(text, 1, 1, 1),), 0, 0, 0)
    parts = (replace(first, money=money), *rest)
    return evaluation(replace(slo, money=money, by=replace(slo.by, parts=parts)))


def test_the_whole_table_on_a_terminal_reads_so() -> None:
    text = render_text(ALL)
    assert TABLE in text
    assert "• browse has no dimension tier\n" in text
    assert TABLE.partition("\n")[2] in render_detail(ALL, "checkout-experience")


def test_a_bar_shows_who_was_hit_most() -> None:
    assert CHECKOUT.by is not None
    slo = replace(CHECKOUT, by=replace(CHECKOUT.by, untold=None, dimension="t"))
    lines = render_text(evaluation(slo), TerminalStyle(120)).splitlines()
    assert [line.endswith("  ████████████") for line in lines if "50.0" in line] == [True, True]


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        (112, "TIER TOTAL GOOD BAD ACTUAL OF BAD OF BUDGET EXCLUDED UNKNOWN"),
        (90, "TIER TOTAL GOOD BAD ACTUAL OF BAD OF BUDGET UNKNOWN"),
        (70, "TIER TOTAL BAD ACTUAL OF BAD OF BUDGET"),
        (40, "TIER TOTAL BAD ACTUAL OF BAD"),
    ],
)
def test_narrow_terminals_lose_columns_and_never_a_value(width: int, heads: str) -> None:
    text = render_text(ALL, TerminalStyle(width)).partition("Who was hit")[2]
    head, *rows = text.splitlines()[1:7]
    assert " ".join(head.split()) == heads
    assert ("█" in "".join(rows)) == (width > 110)
    for name in ("gold", "__none__", "__other__", "before 27 Oct 2026 00:00", "all"):
        assert any(row.startswith(f"  {name} ") for row in rows)
    if width >= 70:
        assert all(cell_len(row) <= width for row in rows)


def test_a_long_value_is_cut_on_a_terminal_and_whole_elsewhere() -> None:
    long = "Mozilla/5.0 " * 40
    assert long.strip() not in render_text(named(long))
    assert "Mozilla/5.0 Mozilla/5.0 Mozilla/5.0 Moz…" in render_text(named(long))
    assert long.strip() in render_html(named(long))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_value_can_steer_the_terminal(text: str) -> None:
    rendered = render_text(named(text)) + render_detail(named(text), "checkout-experience")
    rendered.encode("utf-8")
    assert {c for c in rendered if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")} == {"\n"}
    assert render_text(named(text), TerminalStyle(100, ascii_only=True)).isascii()


def test_a_value_of_which_nothing_would_be_seen_stands_in_quotes() -> None:
    assert re.search(r'^  "" ', render_text(named("")), re.MULTILINE)


def test_without_a_dimension_the_detail_has_the_money_and_says_what_to_ask_next() -> None:
    text = render_detail(evaluation(replace(CHECKOUT, by=None)), "checkout-experience")
    assert re.search(r"in EUR +1,234\.50 +tried: 1,200\.00 good, 34\.50 lost or spoilt; 40 t", text)
    assert text.endswith("Next: sloengine report checkout-experience --by tier\n")
    html = render_html(evaluation(replace(CHECKOUT, by=None)))
    assert "1,234.50" in html
    assert "Who was hit" not in html
    assert "1,234.50 EUR tried" in render_markdown(evaluation(replace(CHECKOUT, by=None)))


def test_where_no_transaction_has_an_amount_nothing_is_claimed() -> None:
    slo = replace(missed(), money=Money((), 10, 5, 0))
    for text in (render_detail(evaluation(slo), slo.slo), render_html(evaluation(slo))):
        assert "no transaction has an amount: what they were worth is not known" in text
        assert "0.00" not in text


def test_nobody_hit_is_no_share() -> None:
    slo = by_tier(flawless(), "gold")
    text = render_text(evaluation(slo))
    assert "By tier: nobody was hit" in text
    assert not re.search(
        r"\d%", text.partition("By tier")[2].partition("In money")[0].splitlines()[2]
    )


def test_csv_rows_of_values_sum_to_the_objective() -> None:
    found = list(csv.DictReader(io.StringIO(render_csv(ALL), newline="")))
    counted = [row for row in found if row["row"] in ("value", "untold")]
    assert [row["value"] for row in counted] == ["gold", "__none__", "__other__", ""]
    for name, sum_ in (("good", CHECKOUT.good), ("total", CHECKOUT.total), ("bad", 1_427)):
        assert sum(int(row[name]) for row in counted) == sum_
    assert (counted[2]["sli"], counted[2]["total"]) == ("", "0")
    money = [row for row in found if row["row"] == "money"]
    assert {row["total"] for row in money} == {""}
    assert [(row["currency"], row["amount_total"], row["amount_bad"]) for row in money] == [
        ("EUR", "1234.5", "34.5")
    ] * 2


@given(st.text())
def test_no_value_in_csv_is_a_formula_or_a_row(text: str) -> None:
    rendered = render_csv(named(text))
    found = list(csv.DictReader(io.StringIO(rendered, newline="")))
    assert len(found) == 6
    for row in found:
        for name in ("value", "currency"):
            assert row[name][:1] not in {"=", "+", "-", "@", "\t", "\r"}


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_values_as_text(text: str) -> None:
    rendered = render_markdown(named(text))
    assert not re.search(r"<(?!br>)", rendered)
    assert "@everyone" not in rendered
    assert "://" not in rendered
    lines = [line for line in rendered.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {9, 10, 7}


def test_markdown_has_a_table_of_values_and_one_of_money() -> None:
    lines = render_markdown(ALL).splitlines()
    assert "| gold | 712 | 356 | 356 | 50.00% | 25.0% | 38.7% | 0 | 1 |" in lines
    assert "| all | EUR | 1,234.50 | 1,200.00 | 34.50 | 40 |" in lines
    assert "- browse has no dimension tier" in lines


@pytest.mark.parametrize("text", HOSTILE)
def test_html_has_the_table_and_its_bars_whatever_the_values_are(text: str) -> None:
    def tags(name: str) -> list[str]:
        return re.findall(r"<([a-z]+)", render_html(named(name)))

    assert tags(text) == tags("name")
    html = render_html(ALL)
    assert "Who was hit: 1,427 bad by tier" in html
    assert 'data-l="Of the budget" class="num nw">38.7%<' in html
    assert html.count('fill="var(--bad)"/></svg></td><td role="cell" data-l="Of the bad"') == 5
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)


def test_json_is_exact_and_keeps_its_schema() -> None:
    document = json.loads(render_json(evaluation(met(), silent(), CHECKOUT)))
    Draft202012Validator(JSON_SCHEMA).validate(document)
    first, *others = document["slos"]
    assert all(other["by_dimension"] is None and other["money"] is None for other in others)
    assert (first["dimensions"], first["facts_since"]) == (["tier"], "2026-10-27T00:00:00Z")
    by = first["by_dimension"]
    assert (by["dimension"], by["limit"], by["values"], by["capped"]) == ("tier", 2, 6, True)
    gold = by["rows"][0]
    assert (gold["value"], gold["bad"], gold["sli"]["decimal"]) == ("gold", 356, "0.5")
    used = gold["budget_used"]
    assert Fraction(used["numerator"], used["denominator"]) == Fraction(356) / Fraction("921.05")
    assert by["rows"][2]["sli"] is None
    rows = [*by["rows"], by["untold"]]
    assert sum(row["total"] for row in rows) == first["total"]
    assert gold["money"]["currencies"] == [
        {
            "currency": "EUR",
            "transactions": 40,
            "total": {"decimal": "1234.5", "micros": 1_234_500_000},
            "good": {"decimal": "1200", "micros": 1_200_000_000},
            "bad": {"decimal": "34.5", "micros": 34_500_000},
        }
    ]
    assert first["money"]["currencies"][1]["currency"] is None
    assert first["money"]["further_currencies"] == 7


@given(st.integers(-(10**40), 10**40))
def test_money_is_written_exactly(micros: int) -> None:
    assert Fraction(decimal_text(micros)) * 10**6 == micros


def test_a_request_for_a_dimension_survives_its_way_as_text() -> None:
    request = ReportRequest(form="json", slo="checkout", by="tier")
    assert ReportRequest.of_parameters(request.parameters()) == request


@pytest.mark.parametrize("form", ["json", "csv", "markdown", "html"])
def test_every_form_is_of_the_slo_that_was_asked_for(form: str) -> None:
    request = ReportRequest.of_parameters({"form": form, "slo": "browse-experience"})
    rendered = render(ALL, request)
    assert "browse-experience" in rendered
    assert "checkout-experience" not in rendered
