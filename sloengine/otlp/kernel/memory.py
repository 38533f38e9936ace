"""Loads and stores at raw addresses, little-endian; nothing here checks a bound.

Addresses and all other integers are int64, hashes and whole words uint64: numba would make doubles
of a mixture of both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_INT = types.int64
_WORD = types.uint64


def _loader(bits: int, result: Any, *, signed: bool = False) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
        value = builder.load(pointer, align=1)
        extend = builder.sext if signed else builder.zext
        return value if bits == 64 else extend(value, ir.IntType(64))

    return _intrinsic(result(_INT), generate)


def _storer(bits: int, stored: Any) -> Any:
    def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
        value = args[1] if bits == 64 else builder.trunc(args[1], ir.IntType(bits))
        builder.store(value, pointer, align=1)
        return context.get_dummy_value()

    return _intrinsic(types.void(_INT, stored), generate)


def _converter(source: Any, target: Any, convert: Callable[[Any, Any], Any]) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return convert(builder, args[0])

    return _intrinsic(target(source), generate)


def _folded_product(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
    wide = ir.IntType(128)
    product = builder.mul(builder.zext(args[0], wide), builder.zext(args[1], wide))
    high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))
    return builder.xor(high, builder.trunc(product, ir.IntType(64)))


_LANES = 32


def _first_high(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
    octets = ir.VectorType(ir.IntType(8), _LANES)
    pointer = builder.inttoptr(args[0], octets.as_pointer())
    is_high = builder.icmp_signed("<", builder.load(pointer, align=1), ir.Constant(octets, None))
    mask = builder.bitcast(is_high, ir.IntType(_LANES))
    beyond = builder.shl(ir.Constant(ir.IntType(64), -1), args[1])
    within = builder.not_(builder.trunc(beyond, ir.IntType(_LANES)))
    return builder.zext(builder.and_(mask, within), ir.IntType(64))


def _differing(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
    octets = ir.VectorType(ir.IntType(8), _LANES)
    left, right = (builder.load(builder.inttoptr(at, octets.as_pointer()), align=1) for at in args)
    differ = builder.bitcast(builder.icmp_unsigned("!=", left, right), ir.IntType(_LANES))
    return builder.zext(differ, ir.IntType(64))


def _copy(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
    pointer = ir.VectorType(ir.IntType(8), _LANES).as_pointer()
    octets = builder.load(builder.inttoptr(args[1], pointer), align=1)
    builder.store(octets, builder.inttoptr(args[0], pointer), align=1)
    return context.get_dummy_value()


def _intrinsic(signature: Any, generate: Callable[..., Any]) -> Any:
    def unary(typingctx: Any, _first: Any) -> Any:
        del typingctx  # numba wants the name
        return signature, generate

    def binary(typingctx: Any, _first: Any, _second: Any) -> Any:
        del typingctx
        return signature, generate

    return intrinsic(unary if len(signature.args) == 1 else binary)


load_u8: Callable[[int], int] = _loader(8, _INT)
load_u16: Callable[[int], int] = _loader(16, _INT)
load_u32: Callable[[int], int] = _loader(32, _INT)
load_i32: Callable[[int], int] = _loader(32, _INT, signed=True)
load_i64: Callable[[int], int] = _loader(64, _INT)
load_u64: Callable[[int], np.uint64] = _loader(64, _WORD)
store_u8: Callable[[int, int], None] = _storer(8, _INT)
store_i32: Callable[[int, int], None] = _storer(32, _INT)
store_i64: Callable[[int, int], None] = _storer(64, _INT)
store_u64: Callable[[int, np.uint64], None] = _storer(64, _WORD)
swap_bytes: Callable[[np.uint64], np.uint64] = _converter(
    _WORD, _WORD, lambda builder, value: builder.bswap(value)
)
as_double: Callable[[int], float] = _converter(
    _INT, types.float64, lambda builder, value: builder.bitcast(value, ir.DoubleType())
)
as_signed: Callable[[np.uint64], int] = _converter(_WORD, _INT, lambda _builder, value: value)
as_word: Callable[[int], np.uint64] = _converter(_INT, _WORD, lambda _builder, value: value)
folded: Callable[[np.uint64, np.uint64], np.uint64] = _intrinsic(
    _WORD(_WORD, _WORD), _folded_product
)
"""Both halves of a product of 128 bits, one over the other."""
high_of_32: Callable[[int, int], int] = _intrinsic(_INT(_INT, _INT), _first_high)
"""Which of the first bytes, 32 at most, have their highest bit set, as bits; reads 32 bytes."""
differing_of_32: Callable[[int, int], int] = _intrinsic(_INT(_INT, _INT), _differing)
"""Which of 32 bytes at two addresses differ, as bits."""
copy_32: Callable[[int, int], None] = _intrinsic(types.void(_INT, _INT), _copy)
"""Copy 32 bytes to an address from another."""
