"""The terminal report: verdict first, mark and word, nothing that depends on colour."""

from __future__ import annotations

import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import HOSTILE, evaluation, flawless, hostile, met, missed, promise, silent
from rich.cells import cell_len

from sloengine.errors import OperatorError
from sloengine.evaluate.evaluation import SloEvaluation
from sloengine.report import TerminalStyle, render_detail, render_text, terminal_style

ALL = evaluation(met(), silent(), flawless(), missed())
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def test_the_whole_table_reads_as_designed() -> None:
    assert render_text(ALL) == (
        "Shop · 26 Oct – 22 Nov 2026, 28 days, UTC · as of 23 Nov 00:00 · coverage 99.65% · "
        "mapped 99.0% ·\n"
        "9f3c2ab01234\n"
        "\n"
        "Not at checkout. Two other promises were kept; one cannot be judged yet.\n"
        "\n"
        "  PROMISE             TARGET   ACTUAL  BUDGET LEFT −100…+100%     BURN1H 6H  VERDICT\n"
        "✗ checkout-experience  99.5%   99.22%     ▐████│            −55%    0.7×  –  missed\n"
        "– returns-experience   95.0%        –          │░░░░░░░░       –       –  –  no data\n"
        "✓ browse-experience    99.0%   99.72%          │██████      +72%    0.4×  –  met\n"
        "✓ checkout-branch      99.5% 0 of 212          │████████   +100%    0.7×  –  met\n"
        "\n"
        "• returns-experience: no returns transaction was counted; neither met nor missed\n"
        "• checkout-branch: counts begin 20 Nov 2026 00:00; nothing is known of the time before\n"
        "• the engine was not watching in 140 of 40,320 minutes\n"
        "• 1.0% of customer traffic matches no definition: GET /sitemap.xml at frontend, 40,100 "
        "times\n"
        "\n"
        "Next: sloengine report checkout-experience\n"
    )


def test_colour_adds_nothing_but_colour() -> None:
    plain = render_text(ALL, TerminalStyle(100, color=False))
    painted = render_text(ALL, TerminalStyle(100, color=True))
    assert painted != plain
    assert ESCAPE.sub("", painted) == plain


def test_ascii_is_ascii_and_keeps_its_columns() -> None:
    text = render_text(evaluation(met(), missed(), promise("größe", objective="✓")), _ascii())
    assert text.isascii()
    table = [line for line in text.splitlines() if line[:2] in ("X ", "ok")]
    assert len({line.index("%") for line in table}) == 1


def _ascii() -> TerminalStyle:
    return TerminalStyle(100, ascii_only=True)


def test_narrow_terminals_lose_the_bar_first_then_burn_and_never_a_name() -> None:
    wide, middle, narrow = (render_text(ALL, TerminalStyle(w)) for w in (100, 72, 55))
    assert "│" in wide
    assert "BURN1H" in wide
    assert "│" not in middle
    assert "BURN1H" in middle
    assert "BURN1H" not in narrow
    for text in (wide, middle, narrow):
        assert "returns-experience" in text
        assert "missed" in text


@given(st.integers(20, 140))
def test_every_wrapped_line_fits_where_its_words_do(width: int) -> None:
    for line in render_text(ALL, TerminalStyle(width)).splitlines():
        words = max((cell_len(word) for word in line.split()), default=0)
        table = line[:2] in ("✗ ", "✓ ", "– ", "  ", "Ne")
        assert table or cell_len(line) <= max(width, words + 2)


def test_a_budget_far_overspent_points_beyond_the_scale() -> None:
    text = render_text(evaluation(promise(good=904, total=1000)))
    assert "◀███████│" in text
    assert "−1,820%" in text


def test_no_data_is_a_state_and_no_number() -> None:
    text = render_text(evaluation(silent()))
    assert "\n\nNot known: no transaction of a promised kind was seen.\n\n" in text
    row = next(line for line in text.splitlines() if line.startswith("– "))
    assert row.endswith("no data")
    assert "100%" not in row
    assert " 0%" not in row


def test_a_flawless_promise_never_shows_a_bare_hundred_percent() -> None:
    style = TerminalStyle()
    for text in (render_text(evaluation(flawless())), render_detail(ALL, "checkout-branch", style)):
        assert not re.search(r"(?<![+−\d…])100(\.0+)?%(?! \()", text.replace("   100% ", ""))
    assert "0 bad of 212" in render_detail(ALL, "checkout-branch")


def test_headlines_answer_in_a_sentence() -> None:
    def says(*slos: SloEvaluation) -> str:
        return render_text(evaluation(*slos)).split("\n\n")[1]

    assert says(met()) == "Yes: the promise was kept."
    assert says(met(), flawless()) == "Yes: both promises were kept."
    assert says(met(), silent()) == "Yes: one promise was kept; one cannot be judged yet."
    assert says(missed()) == "Not at checkout."
    assert says() == "Nothing is promised yet: no SLO is defined."


def test_more_than_one_percent_unknown_warns_against_the_verdict() -> None:
    few = render_text(evaluation(promise(unknown=10)))
    many = render_text(evaluation(promise(unknown=10_000)))
    assert "10 with an unknown outcome, in neither good nor total\n" in few
    assert "do not trust" in " ".join(many.split())


def test_two_objectives_of_one_slo_are_told_apart() -> None:
    slos = (promise(objective="gold"), promise(target="0.9"))
    text = render_text(evaluation(*slos))
    assert "checkout-experience/gold" in text
    assert "checkout-experience/90.0%" in text


def test_detail_shows_the_sum_reasons_burn_and_course() -> None:
    text = render_detail(ALL, "checkout-experience")
    assert "✗ Missed: 99.22% of checkout transactions were good; we promised 99.5%." in text
    assert re.search(r"bad +1,427 ", text)
    assert re.search(r"budget +921 +may be bad at 99\.5%", text)
    assert re.search(r"budget left +−55% +155% used; ran out on 13 Nov 2026", text)
    assert re.search(r"failed: payment +702 +49\.2%  █+", text)
    assert re.search(r"last 1h +0\.7× +1 bad of 300", text)
    assert re.search(r"last 6h +– +no data", text)
    assert "Budget left, end of each day" in text
    assert "▓" in text


def test_detail_of_an_unknown_slo_names_those_that_exist() -> None:
    with pytest.raises(OperatorError, match=r'"chekout".*there are: browse-experience, checkout-'):
        render_detail(ALL, "chekout")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_span_can_steer_the_terminal(text: str) -> None:
    sample = hostile(text)
    name = sample.slos[0].slo
    for rendered in (render_text(sample), render_detail(sample, name)):
        rendered.encode("utf-8")
        bad = {c for c in rendered if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}
        assert bad == {"\n"}
        assert not any(line.startswith("fake line") for line in rendered.splitlines())


class Terminal(io.StringIO):
    def __init__(self, encoding: str = "utf-8", *, tty: bool = True) -> None:
        super().__init__()
        self._encoding = encoding
        self._tty = tty

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a stream that really has one
        return self._encoding

    def isatty(self) -> bool:
        return self._tty


def test_colour_is_for_terminals_that_did_not_refuse_it() -> None:
    def style(stream: Terminal, env: dict[str, str], color: str = "auto") -> TerminalStyle:
        return terminal_style(stream, env, columns=83, color=color)

    assert style(Terminal(), {}) == TerminalStyle(83, color=True)
    assert not style(Terminal(), {"NO_COLOR": "1"}).color
    assert style(Terminal(), {"NO_COLOR": ""}).color
    assert not style(Terminal(), {"TERM": "dumb"}).color
    assert not style(Terminal(), {}, "never").color
    assert style(Terminal(tty=False), {}) == TerminalStyle(100)
    assert style(Terminal(tty=False), {}, "always").color
    assert style(Terminal("latin-1"), {}).ascii_only
