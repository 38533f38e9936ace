"""Questions from this machine are answered: an app for a 0600 Unix socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sloengine.errors import SloengineError
from sloengine.questions import EXIT_CODE_HEADER

Question = Callable[[Mapping[str, str]], str]
"""Parameters in, answer out. Runs in a worker thread; may raise `SloengineError`."""


def local_app(questions: Mapping[str, Question]) -> Starlette:
    """Return an app that answers `GET /<name>?parameters` for each of `questions`."""
    return Starlette(
        routes=[
            Route(f"/{name}", _endpoint(question), methods=["GET"])
            for name, question in questions.items()
        ]
    )


def _endpoint(question: Question) -> Callable[[Request], object]:
    async def answer(request: Request) -> Response:
        try:
            text = await run_in_threadpool(question, dict(request.query_params))
        except SloengineError as error:
            code = str(int(error.exit_code))
            return PlainTextResponse(str(error), status_code=400, headers={EXIT_CODE_HEADER: code})
        return PlainTextResponse(text)

    return answer
