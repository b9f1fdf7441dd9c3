"""Mean-field inference in a fully connected CRF (Krähenbühl, Koltun, NeurIPS 2011), with truncated windows.

Two kernels link pixels: a Gaussian in position, and a bilateral one in position and colour. The original filters in a
permutohedral lattice over the whole image. With the paper's few pixels of position spread the kernels are nearly zero
beyond a short distance, so here the sums are exact inside a window of two to three spreads and leave out the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counterpart.core.jobs import JobContext, silent

if TYPE_CHECKING:
    import torch

_REACH = 2.0
"""Half side of the window in position spreads; what a bilateral kernel keeps outside is below e^-2 of its peak."""


@dataclass(frozen=True, slots=True)
class CrfParams:
    """Strength and spread of the two kernels; the defaults are the paper's.

    Attributes:
        gaussian_weight: Weight of the kernel in position alone.
        gaussian_xy: Its spread, pixels.
        bilateral_weight: Weight of the kernel in position and colour.
        bilateral_xy: Its spread in position, pixels.
        bilateral_rgb: Its spread in colour, levels of 0..255.
        iterations: Mean-field updates.
    """

    gaussian_weight: float = 50.0
    gaussian_xy: float = 3.0
    bilateral_weight: float = 15.0
    bilateral_xy: float = 5.0
    bilateral_rgb: float = 13.0
    iterations: int = 10


def dense_crf(
    energy: NDArray[np.floating], rgb: NDArray[np.uint8], params: CrfParams | None = None, ctx: JobContext | None = None
) -> NDArray[np.float32]:
    """Smooth a labelling along the photograph's edges.

    Args:
        energy: (H, W, C) unary energies: lower means likelier (a distance, or minus a log-probability).
        rgb: (H, W, 3) uint8, same size.
        params: Kernels and iterations.
        ctx: Cancellation, checked between iterations.

    Returns:
        float32 (H, W, C) marginal probabilities; they sum to one at each pixel.

    Raises:
        ValueError: The sizes differ.
        JobCancelledError: Cancelled.
    """
    import torch

    if energy.ndim != 3 or energy.shape[:2] != rgb.shape[:2]:
        raise ValueError(f"energies of {energy.shape} do not fit an image of {rgb.shape[:2]}")
    params, ctx = params or CrfParams(), ctx or silent()
    if energy.shape[2] == 1:
        return np.ones(energy.shape, dtype=np.float32)
    with torch.inference_mode():
        unary = torch.from_numpy(np.ascontiguousarray(energy.transpose(2, 0, 1), dtype=np.float32)).neg()
        colours = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).float() / params.bilateral_rgb
        kernels = [
            (params.gaussian_weight, _Gaussian(unary.shape[1:], params.gaussian_xy)),
            (params.bilateral_weight, _Bilateral(colours, params.bilateral_xy)),
        ]
        marginals = unary.softmax(dim=0)
        for _ in range(params.iterations):
            ctx.check()
            logits = unary.clone()
            for weight, kernel in kernels:
                logits.add_(kernel.message(marginals), alpha=weight)
            marginals = logits.softmax(dim=0)
        out: NDArray[np.float32] = np.ascontiguousarray(marginals.numpy().transpose(1, 2, 0))
        return out


class _Kernel:
    """A pixel-to-pixel kernel, normalised symmetrically by its row sums as the original does."""

    scale: torch.Tensor
    total: torch.Tensor
    """(1, H, W) message of a label that is certain everywhere."""

    def _normalise(self, hw: torch.Size) -> None:
        import torch

        self.scale = self.filtered(torch.ones(1, *hw)).add_(1e-20).rsqrt_()
        self.total = self.filtered(self.scale) * self.scale

    def filtered(self, values: torch.Tensor) -> torch.Tensor:
        """(C, H, W) -> (C, H, W) sums over the window, weighted by the kernel."""
        raise NotImplementedError

    def message(self, marginals: torch.Tensor) -> torch.Tensor:
        """What every pixel hears from the others about each label, (C, H, W)."""
        import torch

        # Probabilities sum to one, so the last label's message follows from the others' and needs no filtering.
        heard = self.filtered(marginals[:-1] * self.scale) * self.scale
        return torch.cat([heard, self.total - heard.sum(dim=0, keepdim=True)])


class _Gaussian(_Kernel):
    """exp(-|p - q|² / 2 s²), separable."""

    def __init__(self, hw: torch.Size, spread: float) -> None:
        import torch

        reach = max(int(np.ceil(3 * spread)), 1)
        offsets = torch.arange(-reach, reach + 1, dtype=torch.float32)
        self._taps = torch.exp(-0.5 * (offsets / spread) ** 2)
        self._normalise(hw)

    def filtered(self, values: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import conv2d

        reach = len(self._taps) // 2
        rows = conv2d(values[:, None], self._taps[None, None, :, None], padding=(reach, 0))
        return conv2d(rows, self._taps[None, None, None, :], padding=(0, reach))[:, 0]


class _Bilateral(_Kernel):
    """exp(-|p - q|² / 2 s² - |I_p - I_q|² / 2 c²) inside a square window; weights are computed once."""

    def __init__(self, colours: torch.Tensor, spread: float) -> None:
        import torch

        reach = max(int(np.ceil(_REACH * spread)), 1)
        _, height, width = colours.shape
        self._links: list[tuple[tuple[slice, slice], tuple[slice, slice], torch.Tensor]] = []
        for dy in range(min(reach, height - 1) + 1):
            for dx in range(-min(reach, width - 1), min(reach, width - 1) + 1):
                if dy == 0 and dx <= 0:
                    continue  # each pair of pixels once, and no pixel with itself
                here = (slice(0, height - dy), slice(max(-dx, 0), width - max(dx, 0)))
                there = (slice(dy, height), slice(max(dx, 0), width - max(-dx, 0)))
                apart = (colours[:, *here] - colours[:, *there]).square_().sum(dim=0)
                apart += (dx * dx + dy * dy) / spread**2
                self._links.append((here, there, torch.exp(-0.5 * apart)))
        self._normalise(colours.shape[1:])

    def filtered(self, values: torch.Tensor) -> torch.Tensor:
        total = values.clone()  # a pixel hears itself with weight one, as in the original
        for here, there, weight in self._links:
            total[:, *here].addcmul_(weight, values[:, *there])
            total[:, *there].addcmul_(weight, values[:, *here])
        return total
