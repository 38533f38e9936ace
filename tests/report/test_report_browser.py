"""A real browser opens the report: it asks for nothing else and makes nothing of hostile names."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from report_samples import HOSTILE, by_tier, evaluation, flawless, hostile, met, missed, silent

from sloengine.report import render_html

pytestmark = pytest.mark.browser


class Site(ThreadingHTTPServer):
    """Serves one page and remembers every path that was asked for."""

    page = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = self.server.page.encode() if self.path == "/report.html" else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def dump(chromium: str, url: str, profile: Path, *options: str) -> str:
    """The document as the browser understands it after loading."""
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            f"--user-data-dir={profile}",
            "--dump-dom",
            *options,
            url,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_the_browser_asks_for_the_page_alone(chromium: str, site: Site, tmp_path: Path) -> None:
    steal = f'"><img src="{site.address}/stolen"><script src="{site.address}/s.js"></script>'
    site.page = render_html(hostile(steal))
    dom = dump(chromium, f"{site.address}/report.html", tmp_path)
    assert "Did our customers get what we promised?" in dom
    assert set(site.asked) <= {"/report.html", "/favicon.ico"}
    assert not re.search(r"<(script|img|iframe|link)\b", dom)


def test_hostile_names_leave_the_document_as_it_is(
    chromium: str, site: Site, tmp_path: Path
) -> None:
    def elements(name: str) -> list[str]:
        site.page = render_html(hostile(name))
        dom = dump(chromium, f"{site.address}/report.html", tmp_path)
        assert "owned" not in dom.partition("</title>")[0].replace("&lt;", "").split("<title>")[0]
        return re.findall(r"<([a-z]+)", dom)

    assert elements("".join(HOSTILE[:2])) == elements("name")


def test_nothing_runs_off_the_page(chromium: str, site: Site, tmp_path: Path) -> None:
    """At 500 pixels (a browser window's least width) the page does not scroll sideways."""
    by = by_tier(missed(), "gold", "a value of a dimension that is longer than most of them are")
    inner = render_html(evaluation(met(), silent(), flawless(), by))
    probe = (
        "<script>addEventListener('load',()=>{document.body.dataset.over="
        "document.documentElement.scrollWidth-document.documentElement.clientWidth})</script>"
    )
    # The policy is taken out only to let the probe measure; the page itself has no script.
    site.page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", inner) + probe
    for width in (500, 960, 1200):
        dom = dump(chromium, f"{site.address}/report.html", tmp_path, f"--window-size={width},900")
        assert 'data-over="0"' in dom
