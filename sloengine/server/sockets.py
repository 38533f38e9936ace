"""Listening sockets, and errors that say what to do when one cannot be had."""

from __future__ import annotations

import errno
import logging
import socket
import stat
from pathlib import Path

from sloengine.errors import OperatorError
from sloengine.server.endpoint import Endpoint

logger = logging.getLogger(__name__)

_BACKLOG = 1024


def listen(endpoint: Endpoint, setting: str) -> socket.socket:
    """Bind and listen; `setting` is the configuration key to name in errors.

    A name that has several addresses is bound at one of them, IPv4 first, as the Collector does.
    A Unix socket gets mode 0600 before anyone can connect; one that a dead process left behind is
    replaced. The caller closes the socket (and removes the file of a Unix socket).

    Raises:
        OperatorError: The endpoint is in use, forbidden, or not of this machine.
    """
    if endpoint.path is not None:
        listener = _bind_path(endpoint, endpoint.path, setting)
    else:
        listener = _bind_address(endpoint, setting)
    listener.listen(_BACKLOG)
    return listener


def warn_if_public(endpoint: Endpoint, what: str) -> None:
    """Log a warning where others than this machine can reach a listener."""
    if not endpoint.is_local:
        logger.warning(
            "%s listens on %s, which other machines can reach; anyone there can send to it. "
            "Use localhost, or keep the port behind a firewall or mutual TLS",
            what,
            endpoint,
        )


def _bind_address(endpoint: Endpoint, setting: str) -> socket.socket:
    try:
        found = socket.getaddrinfo(
            endpoint.host or None,
            endpoint.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
    except OSError as error:
        raise OperatorError(
            f"{endpoint}: the host cannot be resolved ({error.strerror}); "
            f"set {setting} to an address of this machine"
        ) from error
    if not endpoint.host and socket.has_dualstack_ipv6():
        found = [entry for entry in found if entry[0] == socket.AF_INET6] or found
    else:
        found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    family, _, _, _, address = found[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, bool(endpoint.host))
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _cannot_bind(endpoint, setting, error) from error
    return listener


def _bind_path(endpoint: Endpoint, path: Path, setting: str) -> socket.socket:
    _remove_abandoned(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)  # nobody can connect before listen()
    except OSError as error:
        listener.close()
        raise _cannot_bind(endpoint, setting, error) from error
    return listener


def _remove_abandoned(path: Path) -> None:
    """Remove a Unix socket that nobody answers; anything else is left where it is."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            probe.connect(str(path))
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
    except OSError:
        return  # absent or forbidden: bind() says so


def _cannot_bind(endpoint: Endpoint, setting: str, error: OSError) -> OperatorError:
    other = "unix:///…" if endpoint.path is not None else f"{endpoint.host or 'localhost'}:PORT"
    cure = f"choose another with --set {setting}={other}"
    match error.errno:
        case errno.EADDRINUSE:
            return OperatorError(f"{endpoint} is in use by another process; stop it, or {cure}")
        case errno.EACCES | errno.EPERM:
            return OperatorError(f"{endpoint}: this user may not listen there; {cure}")
        case errno.EADDRNOTAVAIL:
            return OperatorError(f"{endpoint}: no such address on this machine; {cure}")
        case _:
            return OperatorError(f"{endpoint} cannot be opened ({error}); {cure}")
