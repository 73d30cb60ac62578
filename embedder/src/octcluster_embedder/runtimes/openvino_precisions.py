"""What OpenVINO may compute in, and whether this processor has it."""

from pathlib import Path

import openvino

from octcluster_embedder.errors import SettingError
from octcluster_embedder.spaces import Precision

# Always named: some CPUs would compute in bfloat16 otherwise, and give other vectors than other machines.
# What is not quantized in a network of int8 is computed in float32.
PRECISION_HINTS = {Precision.FLOAT32: "f32", Precision.BFLOAT16: "bf16", Precision.INT8: "f32"}

# Processors with one of these sum products of 8 bits in 32 bits. Older ones sum pairs in 16 bits first, which
# overflow: the vectors would be wrong, and nobody would see it.
_INT8_FLAGS = {"avx512_vnni", "avx_vnni", "amx_int8"}
_PROCESSORS = Path("/proc/cpuinfo")


def check_precision(precision: Precision) -> None:
    """Refuses what OpenVINO cannot compute in, or not on this processor.

    Raises:
        SettingError: The precision is for another runtime, or the processor does not have it.
    """
    if precision not in PRECISION_HINTS:
        raise SettingError(
            f"precision {precision.value!r} is for JAX, and the runtime is openvino, which computes in "
            "float32, bfloat16 or int8: take one of them, or set the runtime to jax"
        )
    has = {Precision.BFLOAT16: _has_bfloat16, Precision.INT8: _has_int8}.get(precision)
    if has is not None and not has():
        raise SettingError(f"this processor does not compute in {precision.value}: leave --precision out")


def _has_bfloat16() -> bool:
    """Whether the processor has instructions for it; without them it would be slower than float32."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _has_int8() -> bool:
    try:
        return bool(_INT8_FLAGS & set(_PROCESSORS.read_text().split()))
    except OSError:  # no Linux: it cannot be told
        return False
