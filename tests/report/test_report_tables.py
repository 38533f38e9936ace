"""CSV and Markdown: for spreadsheets and for pull requests, harmless in both."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import HOSTILE, evaluation, flawless, hostile, met, missed, promise, silent

from sloengine.report import ReportRequest, render, render_csv, render_markdown
from sloengine.report.clean import for_csv, for_markdown, one_line

ALL = evaluation(met(), silent(), flawless(), missed())


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_a_row_for_each_promise_and_worse_side_decimals() -> None:
    found = rows(render_csv(ALL))
    assert [row["state"] for row in found] == ["missed", "no_data", "met", "met"]
    first, second = found[:2]
    assert (first["good"], first["bad"], first["total"]) == ("182783", "1427", "184210")
    assert (first["sli"], first["budget_remaining"]) == ("0.992253", "-0.549319")
    assert first["burn_rate_1h"] == "0.666667"
    assert (second["sli"], second["budget_remaining"], second["total"]) == ("", "", "0")


@given(st.text())
def test_no_csv_cell_is_a_formula_and_none_breaks_its_row(text: str) -> None:
    found = rows(render_csv(evaluation(promise(f"{text}", transaction=text))))
    assert len(found) == 1
    for name in ("slo", "transaction"):
        assert found[0][name][:1] not in {"=", "+", "-", "@", "\t", "\r"}


@pytest.mark.parametrize("start", ["=1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r\n=1"])
def test_what_begins_a_formula_is_quoted(start: str) -> None:
    assert for_csv(start).startswith("'")


def test_numbers_of_csv_stay_numbers() -> None:
    line = render_csv(evaluation(missed())).splitlines()[1]
    assert ",-0.549319," in line
    assert ",1427," in line


def test_markdown_is_a_table_with_the_verdict_first() -> None:
    lines = render_markdown(ALL).splitlines()
    expected = "### Not at checkout. Two other promises were kept; one cannot be judged yet."
    assert lines[0] == expected
    assert "| ✗ | checkout-experience | 99.5% | 99.22% | −55% | 0.7× | – | **missed** |" in lines
    assert "| ✓ | checkout-branch | 99.5% | 0 bad of 212 | +100% | 0.7× | – | met |" in lines
    assert "checkout-experience: 702 failed: payment, 633 slow, 92 abandoned: left." in lines


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_hostile_names_as_text(text: str) -> None:
    rendered = render_markdown(hostile(text))
    assert not re.search(r"<(?!br>)", rendered)
    assert not re.search(r"(?<!\\)[`\[\]]", rendered)
    assert "@everyone" not in rendered
    assert "://" not in rendered
    pipes = {
        len(re.findall(r"(?<!\\)\|", line))
        for line in rendered.splitlines()
        if line.startswith("|")
    }
    assert pipes == {9}


@given(st.text())
def test_cleaned_text_is_one_printable_line(text: str) -> None:
    for cleaned in (one_line(text), for_csv(text), for_markdown(text)):
        cleaned.encode("utf-8")
        assert len(cleaned.splitlines()) <= 1
        assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in cleaned)


def test_a_request_survives_its_way_as_text() -> None:
    for request in (
        ReportRequest(),
        ReportRequest(form="csv", slo="checkout", at_ns=12),
        ReportRequest(form="html", at_latest=True),
    ):
        assert ReportRequest.of_parameters(request.parameters()) == request


def test_one_call_renders_every_form() -> None:
    assert render(ALL, ReportRequest(form="csv")) == render_csv(ALL)
    assert render(ALL, ReportRequest(form="markdown")) == render_markdown(ALL)
    assert render(ALL, ReportRequest(slo="checkout-branch")).startswith("checkout-branch")
