"""Words at raw addresses; nothing here checks a bound. Addresses and values are int64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _loader(bits: int, *, signed: bool) -> Any:
    def load(_context: Any, _base: Any, _index: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            pointer = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
            value = builder.load(builder.gep(pointer, [args[1]]), align=bits // 8)
            if bits == 64:
                return value
            extend = builder.sext if signed else builder.zext
            return extend(value, ir.IntType(64))

        return types.int64(types.int64, types.int64), generate

    return intrinsic(load)


def _asker() -> Any:
    def ask(_context: Any, _address: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            pointer = builder.inttoptr(args[0], ir.IntType(8).as_pointer())
            number = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
            prefetch = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
            # To be read; to stay in every cache; data.
            builder.call(prefetch, [pointer, number(0), number(3), number(1)])
            return context.get_dummy_value()

        return types.void(types.int64), generate

    return intrinsic(ask)


def _storer() -> Any:
    def store(_context: Any, _base: Any, _index: Any, _value: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            pointer = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
            builder.store(args[2], builder.gep(pointer, [args[1]]), align=8)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), generate

    return intrinsic(store)


get: Callable[[int, int], int] = _loader(64, signed=True)
"""Word `index` behind `base`."""
get_i32: Callable[[int, int], int] = _loader(32, signed=True)
get_u8: Callable[[int, int], int] = _loader(8, signed=False)
ask_for: Callable[[int], None] = _asker()
"""Have the cache line at an address come near, without waiting for it."""
put: Callable[[int, int, int], None] = _storer()
"""Set word `index` behind `base`."""
