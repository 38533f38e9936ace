"""`URL`: the parts of a URL under their semantic-convention names, as Go's parser cuts it."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes

from sloengine.ottl.functions.getters import STRING
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.registry import Function, Parameter
from sloengine.ottl.values import INT_MAX, Value

_LETTERS = string.ascii_letters + string.digits
_UNRESERVED = _LETTERS + "-_.~"
# What RFC 3986 section 3 lets stand unescaped in each part, as net/url narrows it.
_PATH_SAFE = "-_.~$&+,/:;=@"
_FRAGMENT_SAFE = "-_.~$&+,/:;=?@!()*"
_USER_SAFE = "-_.~$&+,;="
_HOST_SAFE = "-_.~!$&'()*+,;=:[]<>\""
_VALID_ENCODED = frozenset(_UNRESERVED + "!$&'()*+,;=:@[]%/")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*", re.ASCII)
_PORT = re.compile(r"(?::[0-9]*)?", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class _Authority:
    user: tuple[str, str | None] | None
    """Name and password, where there is an @."""
    host: str
    """With its port."""


def _url(target: str) -> dict[str, Value]:
    if not target or target.startswith("?"):
        raise EvaluationError("URL needs a URL, not an empty string or a bare query")
    if any(character < " " or character == "\x7f" for character in target):
        raise EvaluationError("a URL has no control characters")
    body, _, fragment_text = target.partition("#")
    scheme, rest = _scheme(body)
    rest, question, query = rest.partition("?")
    fragment = _decoded(fragment_text)
    authority, path_text, opaque = None, "", ""
    if rest and not rest.startswith("/"):
        if scheme:
            opaque = rest
        elif ":" in rest.partition("/")[0]:
            raise EvaluationError("the first segment of a URL's path cannot hold a colon")
        else:
            path_text = rest
    elif rest.startswith("//") and (scheme or not rest.startswith("///")):
        name, slash, tail = rest[2:].partition("/")
        authority, path_text = _authority(name), slash + tail
    else:
        path_text = rest
    path = _decoded(path_text)
    original = _original(scheme, authority, opaque, path_text, path)
    original += question + query
    if fragment:
        original += "#" + _encoded(fragment_text, fragment, _FRAGMENT_SAFE)
    parts: dict[str, Value] = {
        "url.original": original,
        "url.domain": "",
        "url.scheme": scheme,
        "url.path": path,
    }
    extension = path.rpartition(".")[2] if "." in path else ""
    optional = {"extension": extension, "fragment": fragment, "query": query}
    parts.update({f"url.{name}": text for name, text in optional.items() if text})
    return parts if authority is None else parts | _authority_parts(authority)


def _scheme(text: str) -> tuple[str, str]:
    if text.startswith(":"):
        raise EvaluationError("the URL's scheme is missing before the colon")
    found = _SCHEME.match(text)
    return (found.group(1).lower(), text[found.end() :]) if found else ("", text)


def _authority(text: str) -> _Authority:
    user_text, at, host_text = text.rpartition("@")
    user: tuple[str, str | None] | None = None
    if at:
        if not _USER.fullmatch(user_text):
            raise EvaluationError("the URL's user cannot hold these characters")
        name, colon, password = user_text.partition(":")
        user = (_decoded(name), _decoded(password) if colon else None)
    bracket = host_text.rfind("[")
    if bracket > 0 or (bracket == 0 and "]" not in host_text):
        raise EvaluationError("the URL's host has an unbalanced bracket")
    port_start = host_text.rfind("]") + 1 if bracket == 0 else host_text.rfind(":")
    port = "" if port_start < 0 else host_text[port_start:]
    if not _PORT.fullmatch(port):
        raise EvaluationError(f'the URL has "{port}" where a port should stand')
    return _Authority(user, _host(host_text))


def _host(text: str) -> str:
    for place in re.finditer("%", text):
        escape = text[place.start() : place.start() + 3]
        if escape[1:2] in "01234567" and escape != "%25":
            raise EvaluationError(f"the URL's host cannot hold {escape}")
    bare = text.replace("%", "")
    allowed = _LETTERS + _HOST_SAFE
    if bad := [letter for letter in bare if letter < "\x80" and letter not in allowed]:
        raise EvaluationError(f'the URL\'s host cannot hold "{bad[0]}"')
    return _decoded(text)


def _decoded(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise EvaluationError("the URL has a % that begins no escape")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError as exc:
        raise EvaluationError("the URL's escapes are no UTF-8 text") from exc


def _encoded(text: str, decoded: str, safe: str) -> str:
    """Return a part as it is written back: as it was, where that was a valid encoding."""
    if all(letter in _VALID_ENCODED or letter in safe for letter in text):
        return text
    return _escape(decoded, safe)


def _escape(text: str, safe: str) -> str:
    return quote_from_bytes(text.encode(), safe=safe)


def _original(
    scheme: str, authority: _Authority | None, opaque: str, path_text: str, path: str
) -> str:
    start = f"{scheme}:" if scheme else ""
    if opaque:
        return start + opaque
    written = "*" if path == "*" else _encoded(path_text, path, _PATH_SAFE)
    if authority is None:
        return start + written
    if not (authority.host or path or authority.user):
        return start
    if not (scheme or authority.host or authority.user):
        return written
    user = f"{_user_text(authority.user)}@" if authority.user else ""
    return f"{start}//{user}{_escape(authority.host, _HOST_SAFE)}{written}"


def _user_text(user: tuple[str, str | None]) -> str:
    name, password = user
    text = _escape(name, _USER_SAFE)
    return text if password is None else f"{text}:{_escape(password, _USER_SAFE)}"


def _authority_parts(authority: _Authority) -> dict[str, Value]:
    host, colon, port = authority.host.rpartition(":")
    if not colon or not port.isascii() or not (port.isdigit() or not port):
        host, port = authority.host, ""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    parts: dict[str, Value] = {"url.domain": host}
    if port:
        if len(port) > 19 or int(port) > INT_MAX:
            raise EvaluationError("the URL's port is too large")
        parts["url.port"] = int(port)
    if authority.user is not None:
        name, password = authority.user
        parts["url.user_info"] = _user_text(authority.user)
        if name:
            parts["url.username"] = name
        if password is not None:
            parts["url.password"] = password
    return parts


FUNCTIONS = (
    Function(
        "URL",
        (Parameter("url", STRING),),
        _url,
        "A map of url.original, url.scheme, url.domain, url.path and, where they are there, "
        "url.port, url.query, url.fragment, url.extension, url.user_info, …; an error where the "
        "text is no URL.",
    ),
)
