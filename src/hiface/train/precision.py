"""Which arithmetic the backbone trains in on this machine."""

from __future__ import annotations

from pathlib import Path

import torch

from hiface.errors import ConfigError


def arithmetic(precision: str, device: torch.device) -> torch.dtype | None:
    """The backbone's autocast type. A processor that only emulates bf16 is seven times slower with it."""
    if precision not in ("auto", "bf16", "fp32"):
        raise ConfigError(f"precision: expected auto, bf16 or fp32, got {precision!r}")
    native = device.type == "cuda" or (bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and _has_bf16())
    return torch.bfloat16 if precision == "bf16" or (precision == "auto" and native) else None


def _has_bf16() -> bool:
    """Whether this processor has AVX-512 bf16 or AMX, by Linux's own list; False where there is none."""
    flags = Path("/proc/cpuinfo")
    return flags.is_file() and any(name in flags.read_text() for name in ("avx512_bf16", "amx_bf16"))
