"""Functions on trace and span ids."""

from __future__ import annotations

from collections.abc import Callable

from sloengine.ottl.functions.getters import ANY, checked
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.registry import Function, Parameter
from sloengine.ottl.values import OpaqueId, Operand, type_name


def _is_root_span(parent: Operand) -> bool:
    return not (isinstance(parent, bytes) and any(parent))


def _id_of(size: int) -> Callable[[Operand], OpaqueId]:
    """Make an id of `size` bytes from as many bytes, or from their hexadecimal digits."""

    def make(target: Operand) -> OpaqueId:
        if isinstance(target, str):
            data = target.encode()
        elif type(target) is bytes:
            data = target
        else:
            raise EvaluationError(f"an id is made from bytes or a string, not {type_name(target)}")
        if len(data) == size:
            return OpaqueId(data)
        if len(data) == 2 * size:
            try:
                return OpaqueId(bytes.fromhex(data.decode("ascii")))
            except ValueError as exc:
                raise EvaluationError("the id is not written in hexadecimal digits") from exc
        raise EvaluationError(f"an id has {size} bytes or {2 * size} digits, not {len(data)}")

    return make


_trace_id, _span_id = _id_of(16), _id_of(8)

FUNCTIONS = (
    Function(
        "IsRootSpan",
        (Parameter("parent", ANY, path="span.parent_span_id"),),
        _is_root_span,
        "Whether the span names no parent.",
    ),
    Function(
        "TraceID",
        (Parameter("target", checked(ANY, _trace_id)),),
        _trace_id,
        "A trace id from 16 bytes or 32 hexadecimal digits, for == and !=.",
    ),
    Function(
        "SpanID",
        (Parameter("target", checked(ANY, _span_id)),),
        _span_id,
        "A span id from 8 bytes or 16 hexadecimal digits, for == and !=.",
    ),
)
