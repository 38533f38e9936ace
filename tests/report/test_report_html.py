"""The HTML report: one file, no script, whole without one, and deaf to hostile names."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from report_samples import HOSTILE, evaluation, flawless, hostile, met, missed, promise, silent

from sloengine.report import render_html

ALL = evaluation(met(), silent(), flawless(), missed())
VOID = {"meta", "br", "col", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Tags, attributes, ids and text of a page; fails on tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_is_one_file_without_script() -> None:
    page = Page(render_html(ALL))
    assert "script" not in page.tags
    assert not {"img", "iframe", "object", "embed", "link", "form"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert page.values("src") == []
    assert all(value.startswith("#") for value in page.values("href"))
    assert not re.search(r"url\((?!#)", render_html(ALL))
    policy = [value for value in page.values("content") if value.startswith("default-src")]
    assert policy
    assert policy[0].startswith("default-src 'none'; style-src 'unsafe-inline';")


def test_ids_are_unique_and_every_link_and_label_has_its_target() -> None:
    page = Page(render_html(ALL))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {value.removeprefix("#") for value in page.values("href")} <= set(ids)
    labelled = {name for value in page.values("aria-labelledby") for name in value.split()}
    assert labelled <= set(ids)


def test_every_picture_has_title_and_description_or_is_hidden() -> None:
    html = render_html(ALL)
    for head in re.findall(r"<svg[^>]*>(?:<title[^>]*>[^<]*</title><desc[^>]*>[^<]+)?", html):
        inner = 'preserveAspectRatio="none"' in head
        assert inner or "aria-hidden" in head or ("<title" in head and "<desc" in head)


def test_the_verdict_comes_first_and_every_promise_has_its_section() -> None:
    page = Page(render_html(ALL))
    assert page.text.index("Not at checkout.") < page.text.index("Promise to customers")
    for label in ("checkout-experience", "returns-experience", "checkout-branch"):
        assert page.text.count(label) >= 2
    assert "The budget ran out on 13 Nov 2026; 155% of it is used" in page.text
    assert "1,427 bad of 184,210; 921 allowed" in page.text
    assert "Nothing of the budget was used: 0 bad of 212" in page.text
    assert "GET /sitemap.xml" in page.text
    assert "40,180 of 40,320 minutes" in page.text


def test_no_data_is_neither_met_nor_missed() -> None:
    page = Page(render_html(evaluation(silent())))
    assert "No returns transaction was counted in 28 days." in page.text
    assert "not known" in page.text
    row = page.text.split("Promise to customers")[1].split("Know this first")[0]
    assert "no data" in row
    assert not re.search(r"(?<![\d.+−])(0|100)%", row)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_make_no_element_and_no_attribute(text: str) -> None:
    plain = Page(render_html(hostile("name")))
    page = Page(render_html(hostile(text)))
    assert page.tags == plain.tags
    assert [(t, n) for t, n, _ in page.attributes] == [(t, n) for t, n, _ in plain.attributes]
    assert "49" not in page.text.split("In “other”")[1].split("How each")[0]


def test_an_empty_report_and_a_single_step_can_be_drawn() -> None:
    Page(render_html(evaluation()))
    Page(render_html(evaluation(promise(course=[(182_783, 184_210)]))))
    Page(render_html(evaluation(promise(course=[]))))
    Page(render_html(evaluation(promise(good=0, total=100, reasons={"failed: error": 100}))))


def test_both_colour_schemes_and_paper_are_provided_for() -> None:
    html = render_html(ALL)
    for rule in ("prefers-color-scheme:dark", "@page{size:A4", "max-width:960px"):
        assert rule in html
