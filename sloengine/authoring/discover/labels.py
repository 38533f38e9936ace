"""`Label`: what a span does, in words for people and as a condition for the engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
KIND_NAMES = (
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
)
METHODS = ("http.request.method", "http.method")
ROUTES = ("http.route", "url.template")
PATHS = ("url.path", "http.target", "url.full", "http.url")
DESTINATIONS = ("messaging.destination.name", "messaging.destination")
DATABASES = ("db.system.name", "db.system")
USER_AGENTS = ("user_agent.original", "http.user_agent")
READ = frozenset(
    {*METHODS, *ROUTES, *PATHS, *DESTINATIONS, *DATABASES, *USER_AGENTS, "rpc.service"}
    | {"rpc.method"}
)
"""The attributes that a label is made from; only text counts."""

_PROBES = ("kube-probe/", "ELB-HealthChecker/", "GoogleHC/")
_HEALTH = re.compile(
    r"(?:^|[/ ])(?:health|healthz|healthcheck|health-check|livez?|liveness|readyz?|readiness|ping"
    r"|metrics|_status|status/health|actuator/(?:health|info|prometheus)(?:/[a-z]+)?)/?$"
    r"|grpc\.health\.v1\.Health/",
    re.IGNORECASE,
)
_FILES = re.compile(
    r"/(?:sitemap\.xml|robots\.txt|favicon\.ico|manifest\.json)$"
    r"|\.(?:js|mjs|css|map|png|jpe?g|gif|svg|webp|ico|woff2?|ttf)$",
    re.IGNORECASE,
)
_SAYS_NOTHING = re.compile(
    r"(?:HTTP )?(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|HTTP)?(?: ?/?(?:\*\*?|\{[^/{}]*\}))?"
    r"|(?:.*[./])?(?:recv\.?|ingress|egress|request|handle|handler|graphql)",
    re.IGNORECASE,
)
_VERB = re.compile(r"(?:HTTP )?(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)(?: |$)")
_ORIGIN = r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*"
_VALUE_IN_PATH = re.compile(
    r"\d+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|(?=(?:[^0-9]*\d){2})[0-9A-Za-z_-]{8,}|.{41,}"
)
_REGEX_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")


class Quality(IntEnum):
    """How well a label tells one thing that customers do from another."""

    NAME = 0
    """Only the span's name, which may be the same for everything."""
    PATH = 1
    """A path as the customer asked for it, in which values were guessed."""
    ROUTE = 2
    """A route, a remote method or a queue: made to tell things apart."""


@dataclass(frozen=True, slots=True)
class Label:
    """All spans of one service and kind that do one thing."""

    service: str | None
    kind: int
    title: str
    """Such as `GET /api/cart`, without the service."""
    condition: str
    """In OTTL: holds on exactly these spans."""
    quality: Quality
    says_nothing: bool = False
    """The title is one that frameworks give to everything, such as `HTTP GET` or `/*`."""
    is_health: bool = False
    """Somebody asks whether the service lives."""
    is_file: bool = False
    """A page's picture or script, or what only crawlers read."""
    is_database: bool = False


def label_of(service: str | None, kind: int, name: str, attributes: Mapping[str, str]) -> Label:
    """Return the label of a span; `attributes` hold those in `READ` that are text."""
    clauses = [f'resource.attributes["service.name"] == {quoted(service)}']
    clauses.append(f"span.kind == {KIND_NAMES[kind]}")
    title, quality, more = _what(kind, name, attributes)
    probe = _first(attributes, USER_AGENTS)
    prober = next((p for p in _PROBES if probe and probe[1].startswith(p)), None)
    if probe and prober:
        more = [*more, f'IsMatch(span.attributes["{probe[0]}"], {quoted("^" + _literal(prober))})']
    return Label(
        service=service,
        kind=kind,
        title=title,
        condition=" and ".join([*clauses, *more]),
        quality=quality,
        says_nothing=_SAYS_NOTHING.fullmatch(title) is not None,
        is_health=prober is not None or _HEALTH.search(title) is not None,
        is_file=_FILES.search(title) is not None,
        is_database=_first(attributes, DATABASES) is not None,
    )


def _what(kind: int, name: str, attributes: Mapping[str, str]) -> tuple[str, Quality, list[str]]:
    """Return title, quality and the clauses that pick such spans of one service and kind."""
    if "rpc.method" in attributes:
        keys = [key for key in ("rpc.service", "rpc.method") if key in attributes]
        clauses = [_equals(key, attributes[key]) for key in keys]
        return "/".join(attributes[key] for key in keys), Quality.ROUTE, clauses
    destination = _first(attributes, DESTINATIONS)
    if kind in (PRODUCER, CONSUMER) and destination:
        verb = "send to" if kind == PRODUCER else "take from"
        return f"{verb} {destination[1]}", Quality.ROUTE, [_equals(*destination)]
    method = _first(attributes, METHODS)
    clauses = [_equals(*method)] if method else []
    verb = f"{method[1]} " if method else ""
    route = _first(attributes, ROUTES)
    if route:
        quality = Quality.NAME if _SAYS_NOTHING.fullmatch(route[1]) else Quality.ROUTE
        return f"{verb}{route[1]}", quality, [*clauses, _equals(*route)]
    path = _first(attributes, PATHS)
    if path:
        shown, clause = _path(*path)
        return f"{verb}{shown}", Quality.PATH, [*clauses, clause]
    return name, Quality.NAME, [f"span.name == {quoted(name)}"]


def _path(key: str, text: str) -> tuple[str, str]:
    """Return a path with its values taken out, and the condition for all paths like it."""
    is_path = key == "url.path"
    origin = None if is_path else re.match(_ORIGIN, text)
    path = text[origin.end() :] if origin else text
    if not is_path:
        path = re.split(r"[?#]", path, maxsplit=1)[0] or "/"
    segments = path.split("/")
    varies = [_VALUE_IN_PATH.fullmatch(segment) is not None for segment in segments]
    shown = "/".join("{…}" if v else s for s, v in zip(segments, varies, strict=True))
    if is_path and not any(varies):
        return shown, _equals(key, path)
    pattern = "/".join(
        "[^/?#]+" if v else _literal(s) for s, v in zip(segments, varies, strict=True)
    )
    before = _ORIGIN if origin else "^"
    after = "$" if is_path else "(?:[?#](?s:.*))?$"
    if path == "/" and not is_path:
        pattern = "/?"
    return shown, f'IsMatch(span.attributes["{key}"], {quoted(before + pattern + after)})'


def _first(attributes: Mapping[str, str], keys: tuple[str, ...]) -> tuple[str, str] | None:
    return next(((key, text) for key in keys if (text := attributes.get(key))), None)


def _equals(key: str, value: str) -> str:
    return f'span.attributes["{key}"] == {quoted(value)}'


def _literal(text: str) -> str:
    """Return a pattern that matches `text` and nothing else."""
    return _REGEX_SPECIAL.sub(r"\\\1", text)


def quoted(text: str | None) -> str:
    """Return text as an OTTL literal, and nothing as `nil`."""
    if text is None:
        return "nil"
    body = "".join(_escaped(character) for character in text)
    return f'"{body}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"


def is_plain_verb(title: str) -> bool:
    """Whether a client span's title is only a verb, so that only its server knows more."""
    return _VERB.match(title) is not None and " /" not in title
