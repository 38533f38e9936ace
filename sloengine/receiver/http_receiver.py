"""OTLP/HTTP: protobuf and JSON on one path, chosen by the request's own headers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import code_pb2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from sloengine.errors import RetryError, SloengineError, TooLargeError
from sloengine.otlp import ENCODINGS, inflate, json_to_protobuf
from sloengine.receiver.admission import Admission, Reservation
from sloengine.receiver.ingest import Ingest, Request
from sloengine.receiver.settings import CorsSettings, HttpSettings
from sloengine.receiver.status import Refusal, Refusals, refusal_of, response_of
from sloengine.server import Endpoint, HttpServer
from sloengine.spool import Encoding

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

_KEEP_ALIVE_S = 75


class HttpReceiver:
    """An OTLP/HTTP server; see `serve_http`."""

    def __init__(self, server: HttpServer, workers: ThreadPoolExecutor) -> None:
        self._server = server
        self._workers = workers

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, with the port that the system chose for port 0."""
        return self._server.endpoint

    def stop(self, grace_s: float) -> None:
        """Accept no more; let requests in work finish for `grace_s` seconds, then cut them off."""
        self._server.stop(grace_s)
        self._workers.shutdown(wait=False, cancel_futures=True)


def serve_http(
    ingest: Ingest, settings: HttpSettings, *, admission: Admission, refusals: Refusals
) -> HttpReceiver:
    """Start an OTLP/HTTP server and return when it accepts requests.

    Raises:
        OperatorError: The endpoint cannot be had.
        ConfigError: The TLS files cannot be used.
    """
    workers = ThreadPoolExecutor(settings.workers, thread_name_prefix="otlp-http")
    traces = _Traces(ingest, settings, admission, refusals, workers)
    app = Starlette(
        routes=[Route(settings.traces_path, traces.export, methods=["POST"])],
        middleware=_cors(settings.cors),
        exception_handlers={HTTPException: traces.refuse_route},
    )
    server = HttpServer(
        app,
        settings.endpoint,
        what="OTLP/HTTP receiver",
        setting=settings.setting,
        tls=settings.tls,
        keep_alive_s=_KEEP_ALIVE_S,
    )
    try:
        server.start()
    except BaseException:
        workers.shutdown(wait=False)
        raise
    return HttpReceiver(server, workers)


@dataclass(frozen=True, slots=True)
class _Form:
    """One of the two encodings of OTLP/HTTP."""

    content_type: str
    to_protobuf: Callable[[bytes], bytes] | None
    """`None`: bodies are protobuf already."""
    encode: Callable[[Message], bytes]


def _encode_json(message: Message) -> bytes:
    # Answers hold neither ids nor enums, so the generic writer is right for them.
    return json_format.MessageToJson(message, indent=None).encode()


_PROTOBUF_FORM = _Form(PROTOBUF, None, lambda message: message.SerializeToString())
_JSON_FORM = _Form(JSON, json_to_protobuf, _encode_json)
_FORMS: Mapping[str, _Form] = {form.content_type: form for form in (_PROTOBUF_FORM, _JSON_FORM)}


class _RefusedError(Exception):
    """Ends the work on a request with an answer that only HTTP has."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class _Traces:
    """The handler of one path. Reads on the server's loop, works in threads of its own."""

    def __init__(
        self,
        ingest: Ingest,
        settings: HttpSettings,
        admission: Admission,
        refusals: Refusals,
        workers: ThreadPoolExecutor,
    ) -> None:
        self._ingest = ingest
        self._settings = settings
        self._admission = admission
        self._refusals = refusals
        self._workers = workers

    async def export(self, request: HttpRequest) -> Response:
        """Answer one export request."""
        form = _form_of(request)
        try:
            if form is None:
                raise _RefusedError(_unsupported_type(request))
            encoding = _encoding_of(request)
            with self._admission.reservation() as reservation:
                body = await self._read(request, reservation)
                answer = await asyncio.get_running_loop().run_in_executor(
                    self._workers, self._take, body, encoding, form, reservation
                )
            return Response(answer, media_type=form.content_type)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except _RefusedError as error:
            return self._refuse(error.refusal, form)
        except Exception as error:  # noqa: BLE001 (refusal_of logs what it does not know)
            return self._refuse(refusal_of(error), form)

    async def refuse_route(self, request: HttpRequest, error: Exception) -> Response:
        """Answer a wrong path or method in OTLP's way."""
        status = cast("HTTPException", error).status_code
        path = self._settings.traces_path
        if status == 405:
            message = f"{request.method} is not supported here; use POST {path}"
        else:
            message = f"{request.url.path} does not exist here; traces go to POST {path}"
        refusal = Refusal("unsupported", code_pb2.UNIMPLEMENTED, status, message)
        response = self._refuse(refusal, _form_of(request))
        if status == 405:
            response.headers["Allow"] = "POST"
        return response

    async def _read(self, request: HttpRequest, reservation: Reservation) -> bytes:
        """Return the body as it was sent, having reserved its size."""
        limit = self._settings.max_request_bytes
        chunks: list[bytes] = []
        problem: SloengineError | None = None
        size = 0
        try:
            async with asyncio.timeout(self._settings.read_timeout_s):
                async for chunk in request.stream():
                    size += len(chunk)
                    problem = problem or _problem_of(size, len(chunk), limit, reservation)
                    if problem is None:
                        chunks.append(chunk)
                        continue
                    # Most senders look for an answer only after they have sent everything, so
                    # the rest is read and thrown away, up to a bound.
                    chunks.clear()
                    if size > 2 * limit:
                        break
        except TimeoutError:
            raise RetryError(
                f"the body did not arrive within {self._settings.read_timeout_s:g} s; send it again"
            ) from None
        if problem is not None:
            raise problem
        return b"".join(chunks)

    def _take(self, body: bytes, encoding: str, form: _Form, reservation: Reservation) -> bytes:
        limit = self._settings.max_request_bytes
        if form.to_protobuf is None:
            known = Encoding[encoding.upper()]
            request = Request(body, known, limit, reservation.grow)
        else:
            body = inflate(body, encoding, limit, reservation.grow)
            request = Request.plain(form.to_protobuf(body))
        return form.encode(response_of(self._ingest.accept(request)))

    def _refuse(self, refusal: Refusal, form: _Form | None) -> Response:
        self._refusals.add("http", refusal)
        form = form or _JSON_FORM
        headers = {}
        if refusal.retry_after_header is not None:
            headers["Retry-After"] = refusal.retry_after_header
        return Response(
            form.encode(refusal.status()),
            status_code=refusal.http_status,
            headers=headers,
            media_type=form.content_type,
        )


def _problem_of(
    size: int, count: int, limit: int, reservation: Reservation
) -> SloengineError | None:
    if size > limit:
        return TooLargeError(f"request is over the limit of {limit} bytes; send smaller batches")
    try:
        reservation.grow(count)
    except SloengineError as error:
        return error
    return None


def _form_of(request: HttpRequest) -> _Form | None:
    media_type = request.headers.get("content-type", "").partition(";")[0]
    return _FORMS.get(media_type.strip().lower())


def _encoding_of(request: HttpRequest) -> str:
    text = ", ".join(request.headers.getlist("content-encoding"))
    encoding = text.strip().lower() or "identity"
    if encoding not in ENCODINGS:
        supported = ", ".join(sorted(ENCODINGS))
        message = f"content encoding {encoding[:80]!r} is not supported; use one of: {supported}"
        raise _RefusedError(Refusal("unsupported", code_pb2.INVALID_ARGUMENT, 415, message))
    return encoding


def _unsupported_type(request: HttpRequest) -> Refusal:
    found = request.headers.get("content-type", "")
    return Refusal(
        "unsupported",
        code_pb2.INVALID_ARGUMENT,
        415,
        f"content type {found[:80]!r} is not supported; use {PROTOBUF} or {JSON}",
    )


def _cors(settings: CorsSettings) -> list[Middleware]:
    if not settings.allowed_origins:
        return []
    patterns = (
        ".*".join(re.escape(part) for part in origin.split("*"))
        for origin in settings.allowed_origins
    )
    return [
        Middleware(
            CORSMiddleware,
            # Always by pattern: the answer then names the page's own origin, which browsers
            # demand of requests that carry credentials, as their beacons do.
            allow_origin_regex="|".join(patterns),
            allow_credentials=True,
            allow_methods=["POST"],
            allow_headers=["Content-Type", "Content-Encoding", *settings.allowed_headers],
            max_age=settings.max_age_s,
        )
    ]
