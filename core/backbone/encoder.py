"""What every encoder offers: a spec for what to read, and one forward pass over a batch of images that reads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from counterpart.core.backbone.device import Placement
from counterpart.core.backbone.plan import MAX_TOKENS, EncoderPlan
from counterpart.core.backbone.registry import ModelInfo
from counterpart.core.errors import CounterpartError, UsageError
from counterpart.core.features.taps import Precision, Tap
from counterpart.core.features.values import FeatureSpec
from counterpart.core.geometry import GridGeometry, Size
from counterpart.core.jobs import JobContext, silent

_BATCH_TOKENS = {"cpu": 2_048, "mps": 8_192, "cuda": 32_768}
"""Tokens encoded at once: enough to fill the device, few enough to bound memory."""
_FLOAT16_MAX = 65_504.0


@dataclass(frozen=True, slots=True, eq=False)
class RawFeatures:
    """What one image gave, before it is tied to an image file.

    Attributes:
        maps: One (rows, columns, D) array per tap, in the spec's storage type.
        cls: One (D,) float32 array per tap.
        attention: (heads, rows, columns) float32 or None.
    """

    maps: tuple[NDArray[np.floating], ...]
    cls: tuple[NDArray[np.float32], ...]
    attention: NDArray[np.float32] | None


class Encoder(ABC):
    """A loaded model. Holds its own tensors; no module, no hook, no state changes between calls.

    Attributes:
        plan: Model, weights and placement.
    """

    def __init__(self, plan: EncoderPlan) -> None:
        self.plan = plan
        self._mean = torch.tensor(plan.info.mean, dtype=torch.float32, device=plan.device).mul_(255.0)
        self._std = torch.tensor(plan.info.std, dtype=torch.float32, device=plan.device).mul_(255.0)

    @property
    def info(self) -> ModelInfo:
        """The model's registry entry."""
        return self.plan.info

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights."""
        return self.plan.weights_sha256

    @property
    def device(self) -> str:
        """Where it computes."""
        return self.plan.device

    @property
    def precision(self) -> Precision:
        """How precisely."""
        return self.plan.precision

    @property
    def why(self) -> str:
        """Why that device and precision."""
        return self.plan.why

    @property
    def depth(self) -> int:
        """Number of blocks (stages, for ResNets)."""
        return self.info.depth

    @property
    def width(self) -> int:
        """Width of descriptors (of the last stage, for ResNets)."""
        return self.info.width

    @property
    def heads(self) -> int:
        """Attention heads; 0 for ResNets."""
        return self.info.heads

    def spec(
        self,
        taps: Sequence[Tap],
        stride: int,
        size: Size,
        saliency: bool = True,
        storage: Literal["float16", "float32"] = "float16",
    ) -> FeatureSpec:
        """See `EncoderPlan.spec`."""
        return self.plan.spec(taps, stride, size, saliency, storage)

    def encode(
        self, images: Sequence[NDArray[np.uint8]], spec: FeatureSpec, ctx: JobContext | None = None
    ) -> list[RawFeatures]:
        """Features of images that already have the network's input size. One forward pass per batch of equal grids.

        Args:
            images: (height, width, 3) uint8 RGB arrays; sizes may differ. Pixels past the last full patch are not seen.
            spec: What to read; made by this encoder.
            ctx: Cancellation, checked between blocks.

        Returns:
            One entry per image, in order.

        Raises:
            UsageError: The spec belongs to other weights, or an image has too many tokens.
            JobCancelledError: Cancelled.
        """
        ctx = ctx or silent()
        if (spec.model, spec.weights) != (self.info.name, self.weights_sha256):
            raise UsageError(f"features of {spec.model} were asked of {self.info.name}")
        out: list[RawFeatures | None] = [None] * len(images)
        for indices in self._batches(images, spec):
            for index, raw in zip(indices, self._run([images[i] for i in indices], spec, ctx), strict=True):
                out[index] = raw
        return [raw for raw in out if raw is not None]

    def batch_size(self, tokens: int) -> int:
        """How many images of so many tokens go through at once."""
        return max(_BATCH_TOKENS[self.device.partition(":")[0]] // max(tokens, 1), 1)

    def _batches(self, images: Sequence[NDArray[np.uint8]], spec: FeatureSpec) -> Iterator[list[int]]:
        """Indices of images whose covered parts are of equal size, in runs that fit the device."""
        groups: dict[tuple[int, int], list[int]] = {}
        for index, image in enumerate(images):
            hw = (image.shape[0], image.shape[1])
            geometry = GridGeometry.plan(hw, None, self.info.patch, spec.stride)
            if geometry.tokens > MAX_TOKENS:
                raise UsageError(
                    f"an input of {hw[1]} x {hw[0]} pixels at stride {spec.stride} has {geometry.tokens:,} tokens; "
                    f"{MAX_TOKENS:,} can be encoded",
                    hint="Give a smaller --size or a larger --stride",
                )
            groups.setdefault(geometry.covered_hw, []).append(index)
        for (height, width), members in groups.items():
            count = self.batch_size(GridGeometry.plan((height, width), None, self.info.patch, spec.stride).tokens)
            for start in range(0, len(members), count):
                yield members[start : start + count]

    def _run(self, images: Sequence[NDArray[np.uint8]], spec: FeatureSpec, ctx: JobContext) -> list[RawFeatures]:
        """One batch of equal grids; image by image if the device's memory does not hold it."""
        patch, stride = self.info.patch, spec.stride
        covered = GridGeometry.plan(images[0].shape[:2], None, patch, stride).covered_hw
        try:
            with torch.inference_mode():
                stack = np.stack([image[: covered[0], : covered[1]] for image in images])
                return self._forward(self._normalised(stack), spec, ctx)
        except torch.OutOfMemoryError:
            if len(images) > 1:
                return [self._run([image], spec, ctx)[0] for image in images]
            raise CounterpartError(
                f"the memory of {self.device} does not hold an image of {covered[1]} x {covered[0]} pixels "
                f"at stride {stride}",
                hint="Give a smaller --size, a larger --stride, or --device cpu",
            ) from None

    def _normalised(self, stack: NDArray[np.uint8]) -> torch.Tensor:
        """(B, H, W, 3) uint8 -> (B, 3, H, W) float32, normalised as the model was trained."""
        pixels = torch.from_numpy(stack).to(self.device).to(torch.float32)
        return pixels.sub_(self._mean).div_(self._std).permute(0, 3, 1, 2)

    @abstractmethod
    def _forward(self, pixels: torch.Tensor, spec: FeatureSpec, ctx: JobContext) -> list[RawFeatures]:
        """One pass over a normalised batch of equal size."""


def to_storage(values: torch.Tensor, storage: str) -> NDArray[np.floating]:
    """A copy of a tensor as a contiguous numpy array of the storage type; beyond float16's range it saturates."""
    dtype = torch.float32
    if storage == "float16":
        values, dtype = values.clamp(-_FLOAT16_MAX, _FLOAT16_MAX), torch.float16
    # Always a copy: the stream of tokens is updated in place after it was read.
    out = torch.empty(values.shape, dtype=dtype)
    array: NDArray[np.floating] = out.copy_(values).numpy()
    return array


def compute_dtype(placement: Placement | EncoderPlan) -> torch.dtype:
    """Torch's type of a precision."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[placement.precision]
