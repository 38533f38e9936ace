"""`${env:NAME:-default}` in configuration values, as the Collector expands it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_REFERENCE = re.compile(r"\$\$|\$\{(?:(?P<scheme>[a-z]+):)?(?P<name>[^}:]*)(?P<default>:-[^}]*)?\}")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def expand_text(
    text: str, environment: Mapping[str, str], read_scalar: Callable[[str], object]
) -> object:
    """Replace references in one scalar.

    A scalar that is one single reference takes the type that YAML gives to its value (`"true"` is
    a boolean); inside longer text the value stays text. `$$` is a dollar sign.

    Raises:
        ValueError: another scheme than `env`, a bad name, or a variable that is not set and has no
            default.
    """
    whole = _REFERENCE.fullmatch(text)
    if whole is not None and whole.group(0) != "$$":
        return read_scalar(_value_of(whole, environment))
    return _REFERENCE.sub(
        lambda match: "$" if match.group(0) == "$$" else _value_of(match, environment), text
    )


def _value_of(match: re.Match[str], environment: Mapping[str, str]) -> str:
    scheme, name, default = match.group("scheme"), match.group("name"), match.group("default")
    if scheme not in (None, "env"):
        raise ValueError(f"{match.group(0)}: only env: can be expanded; write ${{env:NAME}}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{match.group(0)}: {name!r} is not a name of an environment variable")
    if name in environment:
        return environment[name]
    if default is not None:
        return str(default).removeprefix(":-")
    raise ValueError(
        f"environment variable {name} is not set; set it, or write ${{env:{name}:-default}}"
    )
