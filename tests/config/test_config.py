"""What an operator writes becomes one frozen configuration, or one clear line for each mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from sloengine.config import EngineConfig, load_config
from sloengine.config.durations import parse_duration_ns
from sloengine.errors import ConfigError


def load(
    folder: Path,
    *texts: str,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> EngineConfig:
    files = []
    for index, text in enumerate(texts):
        file = folder / f"{index}.yaml"
        file.write_text(text, encoding="utf-8")
        files.append(file)
    return load_config(files, overrides=overrides, environment=environment or {})


def test_nothing_at_all_is_a_valid_configuration_bound_to_this_machine(tmp_path: Path) -> None:
    config = load(tmp_path, "")
    assert config == EngineConfig()
    assert config.receiver.protocols.grpc is not None
    assert config.receiver.protocols.grpc.endpoint == "localhost:14317"
    assert config.receiver.protocols.http is not None
    assert config.receiver.protocols.http.endpoint == "localhost:14318"
    assert config.receiver.protocols.http.cors.allowed_origins == ()


def test_later_files_win_maps_merge_and_lists_are_replaced(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "receiver: {protocols: {http: {endpoint: 'h:1', cors: {allowed_origins: [a, b]}}}}",
        "receiver: {protocols: {http: {cors: {allowed_origins: [c]}}}}",
    )
    assert config.receiver.protocols.http is not None
    assert config.receiver.protocols.http.endpoint == "h:1"
    assert config.receiver.protocols.http.cors.allowed_origins == ("c",)


def test_set_wins_over_every_file_and_its_value_is_yaml(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "processor: {idle_wait: 3s}",
        overrides=["processor.idle_wait=5s", "receiver.protocols.http=null", "spool.segment_mib=8"],
    )
    assert config.processor.idle_wait == 5 * 10**9
    assert config.receiver.protocols.http is None
    assert config.spool.segment_mib == 8


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        pytest.param("${env:DIR}", {"DIR": "here"}, "here", id="a variable"),
        pytest.param("${DIR}", {"DIR": "here"}, "here", id="a bare name is the env scheme"),
        pytest.param("${env:DIR:-there}", {}, "there", id="a default"),
        pytest.param("${env:DIR:-there}", {"DIR": "here"}, "here", id="a default that is not used"),
        pytest.param("a/${env:DIR}/b", {"DIR": "here"}, "a/here/b", id="inside text"),
        pytest.param("$$/${env:DIR}", {"DIR": "here"}, "$/here", id="two dollars are one"),
    ],
)
def test_environment_variables_expand(
    tmp_path: Path, text: str, environment: Mapping[str, str], expected: str
) -> None:
    config = load(tmp_path, f'store: {{directory: "{text}"}}', environment=environment)
    assert config.store.directory == Path(expected)


def test_a_variable_alone_takes_the_type_that_yaml_gives_it(tmp_path: Path) -> None:
    text = 'exporter: {otlp: {endpoint: "x:1", insecure: "${env:PLAIN}"}}'
    config = load(tmp_path, text, environment={"PLAIN": "false"})
    assert config.exporter.otlp is not None
    assert config.exporter.otlp.insecure is False


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            "recever: {}",
            '0.yaml:1:10: recever: unknown key; did you mean "receiver"?',
            id="a misspelt section",
        ),
        pytest.param(
            "processor:\n  idle_wait: 10",
            "0.yaml:2:14: processor.idle_wait: 10 is not a duration; write a number with a unit, "
            "such as 10s or 1h30m",
            id="a duration without unit",
        ),
        pytest.param(
            "processor: {idle_wait: 10m}",
            "0.yaml:1:12: processor: idle_wait must be greater than 0 and at most max_wait",
            id="two waits that contradict each other",
        ),
        pytest.param(
            "processor: {reread_share: 0}",
            "0.yaml:1:27: processor.reread_share: input should be greater than 0",
            id="no share of a core at all",
        ),
        pytest.param(
            "processor: {reread_share: 2}",
            "0.yaml:1:27: processor.reread_share: input should be less than or equal to 1",
            id="a share of more than a core",
        ),
        pytest.param(
            "receiver: {protocols: {grpc: null, http: null}}",
            "0.yaml:1:23: receiver.protocols: no protocol is left; keep grpc or http",
            id="no way in",
        ),
        pytest.param(
            'store: {directory: "${env:NOPE}"}',
            "0.yaml:1:20: store.directory: environment variable NOPE is not set; set it, or write "
            "${env:NOPE:-default}",
            id="a variable that is not set",
        ),
        pytest.param(
            'store: {directory: "${file:x}"}',
            "0.yaml:1:20: store.directory: ${file:x}: only env: can be expanded; write ${env:NAME}",
            id="another scheme",
        ),
        pytest.param("- a", "0.yaml:1:1: a configuration is a map of sections", id="a list"),
    ],
)
def test_a_mistake_gets_one_line_with_its_place(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert str(caught.value) == f"{tmp_path}/{line}"


def test_all_mistakes_of_all_files_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "spool: {segment_mib: 0}", "x: 1", overrides=["novalue"])
    assert str(caught.value).splitlines() == [
        "--set:1:1: 'novalue': write it as --set section.key=value",
        f"{tmp_path}/0.yaml:1:22: spool.segment_mib: input should be greater than 0",
        (
            f"{tmp_path}/1.yaml:1:4: x: unknown key; known here: definitions, evaluate, "
            "exporter, extensions, processor, receiver, service, spool, store"
        ),
    ]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.yaml:1:1: cannot be read: No such file"):
        load_config([tmp_path / "missing.yaml"], environment={})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200ms", 200 * 10**6),
        ("1h30m", 5400 * 10**9),
        ("1.5s", 1_500_000_000),
        ("35d", 35 * 86400 * 10**9),
    ],
)
def test_durations_are_gos(text: str, expected: int) -> None:
    assert parse_duration_ns(text) == expected


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1s ", "1 s", "1x", 10, None])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration_ns(text)
