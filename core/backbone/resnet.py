"""ResNet-50, for comparison with the transformers: stage outputs at any of four strides.

Where the stride asked for is finer than a stage's own, the later strides are replaced by dilation, as for the paper's
ablation (supplement, "Saliency Baselines"). There is no class token: no attention, and the mean stands for the class
descriptor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (its name everywhere)
from numpy.typing import NDArray

from counterpart.core.backbone.encoder import Encoder, RawFeatures, compute_dtype, to_storage
from counterpart.core.backbone.plan import EncoderPlan
from counterpart.core.features.values import FeatureSpec
from counterpart.core.jobs import JobContext

Tensor = torch.Tensor
_Conv = tuple[Tensor, Tensor]
_EPS = 1e-5  # of every batch norm
_CENTRE = 16  # input pixel of the first cell's centre: the middle of the 32-pixel window that a cell stands for


class ResNetEncoder(Encoder):
    """A ResNet with bottleneck blocks in torchvision's and timm's layout.

    Args:
        plan: Model, weights and placement.
        state: Tensors by timm's names.
    """

    def __init__(self, plan: EncoderPlan, state: Mapping[str, NDArray[Any]]) -> None:
        super().__init__(plan)
        self._dtype = compute_dtype(plan)
        tensors = {name: torch.from_numpy(value) for name, value in state.items()}
        self._stem = self._folded(tensors, "conv1", "bn1")
        self._stages = [self._stage(tensors, f"layer{index + 1}") for index in range(self.depth)]

    def _folded(self, tensors: Mapping[str, Tensor], conv: str, norm: str) -> _Conv:
        """A convolution with the batch norm after it, as one convolution."""
        scale = tensors[f"{norm}.weight"] / torch.sqrt(tensors[f"{norm}.running_var"] + _EPS)
        weight = tensors[f"{conv}.weight"] * scale[:, None, None, None]
        bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
        return weight.to(self.device, self._dtype), bias.to(self.device, self._dtype)

    def _stage(self, tensors: Mapping[str, Tensor], name: str) -> list[dict[str, _Conv]]:
        blocks: list[dict[str, _Conv]] = []
        while f"{name}.{len(blocks)}.conv1.weight" in tensors:
            prefix = f"{name}.{len(blocks)}"
            parts = {f"conv{i}": self._folded(tensors, f"{prefix}.conv{i}", f"{prefix}.bn{i}") for i in (1, 2, 3)}
            if f"{prefix}.downsample.0.weight" in tensors:
                parts["shortcut"] = self._folded(tensors, f"{prefix}.downsample.0", f"{prefix}.downsample.1")
            blocks.append(parts)
        return blocks

    def _forward(self, pixels: Tensor, spec: FeatureSpec, ctx: JobContext) -> list[RawFeatures]:
        stride = spec.stride
        grid = [(side - self.info.patch) // stride + 1 for side in pixels.shape[2:]]
        # A convolution's cells lie at multiples of the stride; at stride 32 a shift of half a cell puts one at the
        # centre.
        pad = _CENTRE % stride
        x = self._convolve(F.pad(pixels, (pad, 0, pad, 0)), self._stem, stride=2, padding=3)
        x = F.max_pool2d(F.relu(x), kernel_size=3, stride=2, padding=1)
        kept: dict[int, Tensor] = {}
        current, dilation = 4, 1
        for index in range(max(tap.layer for tap in spec.taps) + 1):
            reduce = 1 if index == 0 else 2
            previous = dilation
            if current * reduce > stride:
                dilation, reduce = dilation * reduce, 1
            current *= reduce
            for number, block in enumerate(self._stages[index]):
                ctx.check()
                x = self._bottleneck(x, block, reduce if number == 0 else 1, previous if number == 0 else dilation)
            start, step = (_CENTRE + pad) // current, stride // current
            rows, cols = (slice(start, start + (count - 1) * step + 1, step) for count in grid)
            kept[index] = x[:, :, rows, cols].permute(0, 2, 3, 1)
        return [self._result([kept[tap.layer][image] for tap in spec.taps], spec) for image in range(len(pixels))]

    def _result(self, maps: list[Tensor], spec: FeatureSpec) -> RawFeatures:
        return RawFeatures(
            maps=tuple(to_storage(values, spec.storage) for values in maps),
            cls=tuple(to_storage(values.mean(dim=(0, 1)), "float32") for values in maps),
            attention=None,
        )

    def _convolve(self, x: Tensor, conv: _Conv, **options: Any) -> Tensor:
        return F.conv2d(x.to(self._dtype), *conv, **options)

    def _bottleneck(self, x: Tensor, block: dict[str, _Conv], stride: int, dilation: int) -> Tensor:
        y = F.relu(self._convolve(x, block["conv1"]))
        y = F.relu(self._convolve(y, block["conv2"], stride=stride, padding=dilation, dilation=dilation))
        y = self._convolve(y, block["conv3"])
        shortcut = self._convolve(x, block["shortcut"], stride=stride) if "shortcut" in block else x
        return F.relu(y.float() + shortcut.float())
