"""Where a listener listens, written as Collector users write it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from sloengine.errors import ConfigError

_HOST_AND_PORT = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^\[\]:/\s]*)):(?P<port>[0-9]{1,5})")
_EXAMPLES = "localhost:14317, 0.0.0.0:4317, [::1]:4317, :4317 or unix:///run/sloengine.sock"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address (`host`, `port`) or, where `path` is given, a Unix socket.

    An empty host means every interface; port 0 lets the system choose a free one.
    """

    host: str = ""
    port: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_endpoint(text: str) -> Endpoint:
    """Read `host:port`, `[ipv6]:port`, `:port` or `unix:///path`.

    Raises:
        ConfigError: The text is none of these.
    """
    if text.startswith("unix:"):
        path = Path(text.removeprefix("unix:").removeprefix("//"))
        if not path.is_absolute():
            raise ConfigError(f"endpoint {text!r}: the path of a Unix socket must begin with /")
        return Endpoint(path=path)
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None:
        hint = "; leave the scheme out" if "://" in text else ""
        raise ConfigError(f"endpoint {text!r} is not host:port{hint}; for example {_EXAMPLES}")
    port = int(match["port"])
    if port > 65535:
        raise ConfigError(f"endpoint {text!r}: port {port} is above 65535")
    if match["v6"] is None:
        return Endpoint(match["host"], port)
    try:
        ipaddress.IPv6Address(match["v6"])
    except ValueError as error:
        raise ConfigError(f"endpoint {text!r}: [{match['v6']}] is not an IPv6 address") from error
    return Endpoint(match["v6"], port)
