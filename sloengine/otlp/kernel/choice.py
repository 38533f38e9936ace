"""Whether kernels can run here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from sloengine.otlp.decoder import Decoder
from sloengine.ottl import ConditionTable, Field, ValueExpression

_log = logging.getLogger(__name__)

DecoderMaker = Callable[[Sequence[Field], ConditionTable, Sequence[ValueExpression]], Decoder]
"""Makes a decoder for a plan's fields, its table, and its captured expressions."""


def kernel_decoders() -> DecoderMaker | None:
    """Compile or load the kernels and return what makes decoders of them.

    `None`, with one line in the log, where they cannot run: the reference decoder does the same
    work at about forty times the cost.
    """
    try:
        from sloengine.otlp.kernel.decoder import KernelDecoder

        KernelDecoder.warm_up()
    except Exception as error:  # noqa: BLE001  # whatever a compiler fails with, spans must come in
        _log.warning(
            "the decoder kernels cannot run here, so decoding takes about forty times the CPU: "
            "%s: %s; install numba and llvmlite as they are locked",
            type(error).__name__,
            error,
        )
        return None
    return KernelDecoder
