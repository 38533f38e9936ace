"""Decompression: exact, bounded, and never surprised."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from io import BytesIO

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sloengine.errors import PermanentError, TooLargeError
from sloengine.otlp import ENCODINGS, inflate

MIB = 1024 * 1024
PATIENT = settings(deadline=None)


def deflate(data: bytes, encoding: str) -> bytes:
    match encoding:
        case "gzip":
            return gzip.compress(data, mtime=0)
        case "zstd":
            return zstandard.ZstdCompressor(write_checksum=True).compress(data)
        case _:
            return data


encodings = st.sampled_from(sorted(ENCODINGS))
compressions = st.sampled_from(["gzip", "zstd"])


@PATIENT
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), encodings)
def test_several_members_inflate_to_their_concatenation(parts: list[bytes], encoding: str) -> None:
    whole = b"".join(parts)
    body = b"".join(deflate(part, encoding) for part in parts)
    assert inflate(body, encoding, len(whole)) == whole


@PATIENT
@given(st.binary(min_size=1, max_size=300), encodings)
def test_one_byte_over_the_limit_is_too_large(data: bytes, encoding: str) -> None:
    with pytest.raises(TooLargeError, match="over the limit of"):
        inflate(deflate(data, encoding), encoding, len(data) - 1)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_that_ends_in_the_middle_is_refused_wherever_it_ends(encoding: str) -> None:
    body = deflate(b"a body of some length" * 20, encoding)
    for end in range(len(body)):
        with pytest.raises(PermanentError, match="ends in the middle"):
            inflate(body[:end], encoding, MIB)


@PATIENT
@given(st.binary(min_size=1, max_size=40), compressions)
@example(bytes(8), "gzip")
@example(b"\x1f\x8b", "gzip")
@example(b"\x28\xb5\x2f\xfd", "zstd")
def test_whatever_follows_the_last_member_is_refused(garbage: bytes, encoding: str) -> None:
    with pytest.raises(PermanentError):
        inflate(deflate(b"body", encoding) + garbage, encoding, MIB)


@PATIENT
@given(st.binary(max_size=200), compressions, st.data())
def test_a_changed_bit_never_crashes_nor_passes_for_other_data(
    data: bytes, encoding: str, draw: st.DataObject
) -> None:
    body = bytearray(deflate(data, encoding))
    bit = draw.draw(st.integers(0, len(body) * 8 - 1))
    body[bit // 8] ^= 1 << bit % 8
    try:
        found = inflate(bytes(body), encoding, MIB)
    except PermanentError:
        return
    assert found == data  # the bit was in a field that decides nothing, such as the time


@PATIENT
@given(st.binary(max_size=100), st.sampled_from(["gzip", "zstd"]))
def test_any_bytes_are_data_or_an_error_to_the_sender(body: bytes, encoding: str) -> None:
    try:
        inflate(body, encoding, MIB)
    except PermanentError:
        return


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_is_stopped_long_before_it_has_unfolded(encoding: str) -> None:
    bomb = deflate(bytes(100 * MIB), encoding)
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            inflate(bomb, encoding, MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30 * MIB


def test_a_zstd_frame_of_blocks_that_repeat_one_byte_is_stopped_too() -> None:
    header = b"\x28\xb5\x2f\xfd\x00\x38"  # no checksum, a window of 128 KiB
    repeat = (128 * 1024 << 3 | 1 << 1).to_bytes(3, "little") + b"x"
    with pytest.raises(TooLargeError):
        inflate(header + repeat * 100_000, "zstd", MIB)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_very_many_tiny_members_are_refused(encoding: str) -> None:
    with pytest.raises(PermanentError, match="more than 4096 members"):
        inflate(deflate(b"", encoding) * 5000, encoding, MIB)


def test_a_zstd_window_beyond_what_http_allows_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=25)
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    with compressor.stream_writer(buffer := BytesIO(), closefd=False) as writer:
        writer.write(bytes(100))
    with pytest.raises(PermanentError, match="zstd body is damaged"):
        inflate(buffer.getvalue(), "zstd", MIB)


@pytest.mark.parametrize("encoding", ["deflate", "br", "", "GZIP"])
def test_another_encoding_is_refused_by_name(encoding: str) -> None:
    with pytest.raises(PermanentError, match="is not supported; use gzip, zstd or identity"):
        inflate(zlib.compress(b"body"), encoding, MIB)


@PATIENT
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), compressions)
def test_at_least_as_much_is_told_as_is_made(parts: list[bytes], encoding: str) -> None:
    sizes: list[int] = []
    body = b"".join(deflate(part * 2000, encoding) for part in parts)
    made = inflate(body, encoding, MIB * 10, sizes.append)
    assert sum(sizes) >= len(made)


def test_an_honest_gzip_body_is_told_of_once_before_anything_is_made() -> None:
    class StopError(Exception):
        pass

    def stop(size: int) -> None:
        raise StopError(size)

    with pytest.raises(StopError) as stopped:
        inflate(deflate(bytes(MIB), "gzip"), "gzip", MIB, stop)
    assert stopped.value.args == (MIB,)
    sizes: list[int] = []
    inflate(deflate(bytes(MIB), "gzip"), "gzip", MIB, sizes.append)
    assert sizes == [MIB]


@pytest.mark.parametrize("announced", [0, 1, MIB, 2**32 - 1])
def test_a_size_that_a_gzip_body_announces_falsely_is_damage_and_reserves_little(
    announced: int,
) -> None:
    body = deflate(bytes(range(256)) * 40, "gzip")[:-4] + announced.to_bytes(4, "little")
    told: list[int] = []
    with pytest.raises(PermanentError, match="gzip body is damaged"):
        inflate(body, "gzip", 64 * MIB, told.append)
    assert sum(told) <= 1032 * len(body)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_the_work_is_stopped_between_pieces(encoding: str) -> None:
    def stop(_size: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        inflate(deflate(bytes(MIB), encoding), encoding, MIB, stop)


def test_a_large_body_of_many_members_costs_no_more_than_its_size() -> None:
    """Nothing is copied again and again for what stands behind it."""
    part = random.Random(1).randbytes(3 * MIB)
    body = deflate(part, "gzip") + deflate(b"x", "gzip") * 4000
    assert inflate(body, "gzip", 4 * MIB) == part + b"x" * 4000


def test_data_that_passed_a_limit_before_needs_none() -> None:
    assert inflate(deflate(bytes(MIB), "gzip"), "gzip", None) == bytes(MIB)
