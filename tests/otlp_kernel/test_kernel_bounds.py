"""Memory stays bounded and answers stay right, whatever values and sizes come in."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kernel_twins import CAPTURES, REGEX, UNUSUAL, USUAL, assert_equal, outcome, plan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from sloengine.otlp.files import read_requests
from sloengine.otlp.kernel import kernel_decoders
from sloengine.otlp.kernel.decoder import KernelDecoder

pytestmark = pytest.mark.usefixtures("compiled_kernels")


def unique_request(spans: int, first: int) -> bytes:
    """Spans whose every attribute, name and id is new."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(first, first + spans):
        span = scope.spans.add(
            trace_id=number.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            parent_span_id=(number * 7).to_bytes(8, "big"),
            name=f"{number}",
            start_time_unix_nano=number,
            end_time_unix_nano=number * 3,
        )
        for key, value in (
            ("http.route", AnyValue(string_value=f"{'ab' if number % 3 else 'zb'}{number}")),
            ("user.id", AnyValue(string_value=f"user-{number}" * (number % 5))),
            ("other", AnyValue(double_value=number / 3)),
            ("http.response.status_code", AnyValue(int_value=number)),
        ):
            span.attributes.append(KeyValue(key=key, value=value))
    return request.SerializeToString()


def test_unique_values_everywhere_are_decided_alike_while_memory_stays_bounded() -> None:
    kernel, reference = plan(REGEX, CAPTURES[:1])
    for number in range(6):
        payload = unique_request(3000, 1 + number * 3000)
        assert_equal(outcome(kernel, payload), outcome(reference, payload))
    assert kernel.statistics.fallbacks == 0
    assert kernel.statistics.clears > 0
    assert kernel.memory_bytes < 64 << 20


def test_hundreds_of_constants_that_differ_in_their_last_letters_take_little_room() -> None:
    kernel, reference = plan([f'span.name == "operation-{number:03}"' for number in range(600)], ())
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(1, 700):
        spans.add(
            trace_id=number.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            name=f"operation-{number:03}",
        )
    payload = request.SerializeToString()
    assert_equal(outcome(kernel, payload), outcome(reference, payload))
    assert 0 < kernel.memory_bytes < 8 << 20
    assert kernel.statistics.clears == 0


def test_every_buffer_grows_when_one_request_is_larger_than_all_before() -> None:
    kernel, reference = plan((*USUAL, *UNUSUAL), CAPTURES)
    payload = unique_request(2500, 1)
    many_groups = payload[:0] + b"".join(unique_request(1, number) for number in range(1, 1500))
    for one in (payload, many_groups, unique_request(3, 9)):
        assert_equal(outcome(kernel, one), outcome(reference, one))
    assert kernel.statistics.fallbacks == 0


@pytest.mark.parametrize("depth", [1, 5, 11, 12, 13, 20, 24, 25, 45, 46, 47, 48, 49, 60, 120])
@pytest.mark.parametrize("levels", [(b"\x2a", b"\x0a"), (b"\x32", b"\x0a", b"\x12")])
def test_values_nest_as_deep_as_the_official_classes_allow(
    levels: tuple[bytes, ...], depth: int
) -> None:
    kernel, reference = plan(USUAL, CAPTURES)
    value = b"\x18\x01"
    for _ in range(depth):
        for tag in reversed(levels):
            value = _field(tag, value)
    attribute = _field(b"\x0a", b"user.id") + _field(b"\x12", value)
    ids = _field(b"\x0a", bytes(15) + b"1") + _field(b"\x12", bytes(7) + b"1")
    span = _field(b"\x12", ids + _field(b"\x4a", attribute))
    payload = _field(b"\x0a", _field(b"\x12", span))
    assert_equal(outcome(kernel, payload), outcome(reference, payload))


def _field(tag: bytes, content: bytes) -> bytes:
    size = len(content)
    octets = bytearray()
    while size >= 128:
        octets.append(size & 127 | 128)
        size >>= 7
    return tag + bytes(octets) + bytes([size]) + content


def test_nothing_behind_a_payload_is_ever_read() -> None:
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, str(here / "guarded_reads.py"), "1500"],
        env={**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parents[1]}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stdout.startswith("0 of")


def test_any_buffer_is_read_and_none_is_held() -> None:
    kernel, reference = plan(USUAL, CAPTURES)
    data = bytearray(unique_request(20, 1))
    decoded = kernel.decode(memoryview(data))
    expected = reference.decode(bytes(data))
    data[:] = bytes(len(data))
    assert_equal(decoded, expected)


def test_threads_share_one_decoder() -> None:
    kernel, reference = plan(REGEX, CAPTURES[:3])
    payloads = [unique_request(500, 1 + 500 * number) for number in range(6)]
    expected = [outcome(reference, payload) for payload in payloads]
    failures: list[BaseException] = []

    def work(turn: int) -> None:
        try:
            for number in range(12):
                at = (number + turn) % len(payloads)
                assert_equal(outcome(kernel, payloads[at]), expected[at])
        except BaseException as failure:  # noqa: BLE001  # asserted below, in the main thread
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_kernel_is_chosen_where_it_can_run() -> None:
    assert kernel_decoders() is KernelDecoder


def test_without_numba_there_is_one_clear_line_and_no_kernel(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "sloengine.otlp.kernel.decoder", None)
    with caplog.at_level(logging.WARNING):
        assert kernel_decoders() is None
    assert "install numba" in caplog.text


@pytest.mark.slow
@pytest.mark.traces
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["nezha-onlineboutique", "nezha-trainticket", "otlp-fixtures"])
def test_real_traces_are_decoded_alike(traces_folder: Path, name: str) -> None:
    kernel, reference = plan((*REGEX, *UNUSUAL[2:]), CAPTURES[:3])
    requests = 0
    for path in sorted((traces_folder / name).iterdir()):
        if path.suffix == ".md" or path.name in ("LICENSE", "labels.json"):
            continue
        for request in read_requests(path):
            requests += 1
            found, expected = outcome(kernel, request.payload), outcome(reference, request.payload)
            assert_equal(found, expected, row_step=10)
    assert requests
    assert kernel.statistics.fallbacks == 0
