"""Where listeners listen, and what is said when they cannot."""

from __future__ import annotations

import logging
import socket
import stat
from pathlib import Path

import pytest

from sloengine.errors import ConfigError, OperatorError
from sloengine.server import Endpoint, listen, parse_endpoint, warn_if_public

SETTING = "receiver.protocols.http.endpoint"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost:14317", Endpoint("localhost", 14317)),
        ("0.0.0.0:4317", Endpoint("0.0.0.0", 4317)),
        ("[::1]:4317", Endpoint("::1", 4317)),
        (":4317", Endpoint("", 4317)),
        ("127.0.0.1:0", Endpoint("127.0.0.1", 0)),
        ("unix:///run/sloengine.sock", Endpoint(path=Path("/run/sloengine.sock"))),
    ],
)
def test_an_endpoint_reads_as_it_prints(text: str, expected: Endpoint) -> None:
    assert parse_endpoint(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("localhost", "is not host:port"),
        ("http://localhost:4318", "leave the scheme out"),
        ("localhost:99999", "port 99999 is above 65535"),
        ("[::zz]:4317", "[::zz] is not an IPv6 address"),
        ("::1:4317", "is not host:port"),
        ("unix://relative", "must begin with /"),
        ("", "is not host:port"),
    ],
)
def test_a_wrong_endpoint_is_quoted_with_what_is_wrong(text: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_endpoint(text)
    assert part in str(caught.value)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("localhost:1", True),
        ("127.0.0.9:1", True),
        ("[::1]:1", True),
        ("unix:///a", True),
        (":1", False),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.1.2.3:1", False),
        ("example.com:1", False),
    ],
)
def test_only_what_other_machines_can_reach_is_warned_about(
    text: str, *, local: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        warn_if_public(parse_endpoint(text), "OTLP/HTTP receiver")
    assert parse_endpoint(text).is_local is local
    assert bool(caplog.records) is not local


def test_a_port_in_use_is_one_clear_line_that_says_what_to_set() -> None:
    with listen(Endpoint("localhost", 0), SETTING) as first:
        port = first.getsockname()[1]
        with pytest.raises(OperatorError) as caught:
            listen(Endpoint("localhost", port), SETTING)
    assert str(caught.value) == (
        f"localhost:{port} is in use by another process; stop it, or choose another with "
        f"--set {SETTING}=localhost:PORT"
    )


def test_an_address_of_another_machine_is_refused_with_the_setting() -> None:
    with pytest.raises(OperatorError, match=rf"no such address on this machine.*{SETTING}"):
        listen(Endpoint("192.0.2.1", 0), SETTING)


def test_a_host_that_no_one_knows_is_refused_with_the_setting() -> None:
    with pytest.raises(OperatorError, match=rf"cannot be resolved.*{SETTING}"):
        listen(Endpoint("no-such-host.invalid", 4317), SETTING)


def test_an_empty_host_listens_on_every_interface() -> None:
    with listen(Endpoint("", 0), SETTING) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass


def test_a_unix_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with listen(Endpoint(path=path), SETTING):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_socket_that_a_dead_process_left_is_replaced_and_a_live_one_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "engine.sock"
    listen(Endpoint(path=path), SETTING).close()
    with (
        listen(Endpoint(path=path), SETTING),
        pytest.raises(OperatorError, match="is in use by another process"),
    ):
        listen(Endpoint(path=path), SETTING)


def test_a_file_at_the_path_of_a_socket_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(OperatorError):
        listen(Endpoint(path=path), SETTING)
    assert path.read_text() == "mine"


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be opened"):
        listen(Endpoint(path=tmp_path / "absent" / "engine.sock"), SETTING)
