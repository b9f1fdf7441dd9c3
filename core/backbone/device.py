"""Where to compute and how precisely, with the reason in words for the person at the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, get_args

from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Precision

DEVICES = ("auto", "cpu", "cuda", "mps")
_WORTH_BFLOAT16 = 192  # measured with AMX: at width 48 bfloat16 is 0.85 to 1.4 times as fast, at 192 1.7 to 2.5 times
PRECISIONS = ("auto", *get_args(Precision))


@dataclass(frozen=True, slots=True)
class Placement:
    """A device and a precision, both resolved.

    Attributes:
        device: As torch names it: `cpu`, `cuda`, `cuda:1`, `mps`.
        precision: Arithmetic of matrix products; sums along the residual stream are float32 throughout.
        why: Why these, for the status bar.
    """

    device: str
    precision: Precision
    why: str


def place(device: str = "auto", precision: str = "auto", width: int | None = None) -> Placement:
    """Resolve `auto`: the fastest device, and the fastest precision whose masks and matches agree with float32.

    Args:
        device: One of `DEVICES`, or a numbered one such as `cuda:1`.
        precision: One of `PRECISIONS`.
        width: Of the model's descriptors, where it is known: a narrow one is computed in float32 on a processor.

    Raises:
        UsageError: An unknown word, a device that is not there, or a precision that it lacks.
    """
    import torch

    kind = device.partition(":")[0]
    if kind not in DEVICES:
        raise UsageError(f"'{device}' is not a device", hint=f"Use one of {', '.join(DEVICES)}")
    if precision not in PRECISIONS:
        raise UsageError(f"'{precision}' is not a precision", hint=f"Use one of {', '.join(PRECISIONS)}")
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        device = kind = "cuda" if cuda else "mps" if mps else "cpu"
        why = {"cuda": "fastest device found", "mps": "no CUDA device", "cpu": "no GPU found"}[kind]
    else:
        why = "as asked"
    if (kind == "cuda" and not cuda) or (kind == "mps" and not mps):
        raise UsageError(f"there is no {kind.upper()} device that torch can use here", hint="Use --device cpu or auto")
    if kind == "cuda" and device != "cuda" and not _is_cuda_index(device):
        count = torch.cuda.device_count()
        raise UsageError(f"there is no device '{device}'", hint=f"CUDA devices are cuda:0 to cuda:{count - 1}")
    if precision != "auto":
        if kind == "cpu" and precision == "float16":
            raise UsageError("float16 is slower than float32 on processors", hint="Use bfloat16, float32 or auto")
        return Placement(device, cast("Precision", precision), f"{why}; {precision} as asked")
    chosen, reason = _auto_precision(kind, device, width)
    return Placement(device, chosen, f"{why}; {reason}")


def _is_cuda_index(device: str) -> bool:
    import torch

    index = device.partition(":")[2]
    return index.isdigit() and int(index) < torch.cuda.device_count()


def _auto_precision(kind: str, device: str, width: int | None) -> tuple[Precision, str]:
    import torch

    if kind == "cuda":
        major = torch.cuda.get_device_capability(device)[0]
        if major >= 8:
            return "bfloat16", "bfloat16: the GPU computes it natively"
        if major == 7:
            return "float16", "float16: the GPU has no bfloat16"
        return "float32", "float32: the GPU has no fast half precision"
    if kind == "cpu":
        if not _processor_has_bfloat16():
            return "float32", "float32: the processor has no bfloat16 instructions"
        if width is not None and width < _WORTH_BFLOAT16:
            return "float32", f"float32: a model of width {width} gains little from bfloat16"
        if not _bfloat16_products_agree():
            return "float32", "float32: the processor's bfloat16 products are wrong"
        return "bfloat16", "bfloat16: the processor computes it natively"
    return "float32", "float32: half precision is not faster on every Apple GPU"


def _processor_has_bfloat16() -> bool:
    """Native bfloat16 products (AVX-512 BF16 or AMX); without them torch emulates them, slower than float32."""
    import torch

    known: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    if known:
        return bool(known.get("amx_bf16") or known.get("avx512_bf16"))
    checks = (
        getattr(torch.cpu, "_is_avx512_bf16_supported", None),
        getattr(torch.cpu, "_is_amx_tile_supported", None),
    )
    return any(bool(check()) for check in checks if check is not None)


def _bfloat16_products_agree() -> bool:
    """Whether a bfloat16 product is right up to rounding: some virtual machines announce more than they do."""
    import torch

    generator = torch.Generator().manual_seed(0)
    a = torch.randn(64, 256, generator=generator)
    b = torch.randn(256, 64, generator=generator)
    exact = a.bfloat16().float() @ b.bfloat16().float()
    rounded = (a.bfloat16() @ b.bfloat16()).float()
    return bool((exact - rounded).abs().max() <= 0.01 * exact.abs().max())
