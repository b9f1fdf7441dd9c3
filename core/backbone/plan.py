"""Everything about an encoder that is known before its weights are read: enough to look features up in a cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from counterpart.core.backbone.device import Placement, place
from counterpart.core.backbone.registry import ModelInfo, model_info
from counterpart.core.backbone.weights import installed
from counterpart.core.errors import UsageError
from counterpart.core.features.taps import PositionMode, Precision, Tap
from counterpart.core.features.values import FeatureSpec
from counterpart.core.geometry import GridGeometry, Size

MAX_TOKENS = 60_000
"""Most tokens in one image. Attention's time grows with the square: this many take minutes on a processor."""


@dataclass(frozen=True, slots=True)
class EncoderPlan:
    """A model, its weights' digest and where it will compute.

    Attributes:
        info: The model's registry entry.
        weights_sha256: Digest of its tensors.
        placement: Device and precision.
    """

    info: ModelInfo
    weights_sha256: str
    placement: Placement

    @property
    def device(self) -> str:
        """Where it computes."""
        return self.placement.device

    @property
    def precision(self) -> Precision:
        """How precisely."""
        return self.placement.precision

    @property
    def why(self) -> str:
        """Why that device and precision."""
        return self.placement.why

    def spec(
        self,
        taps: Sequence[Tap],
        stride: int,
        size: Size,
        saliency: bool | int = True,
        storage: Literal["float16", "float32"] = "float16",
        position_mode: PositionMode | None = None,
    ) -> FeatureSpec:
        """A request that this model can answer.

        Args:
            taps: Where to read; kept in this order, repetitions left out.
            stride: Distance of patches, pixels.
            size: Input size, see `core.geometry.Size`.
            saliency: Keep the class attention of the model's saliency layer, or of the block given.
            storage: Type in which descriptors are kept.
            position_mode: How to resample the position embedding; the model's own way by default.

        Raises:
            UsageError: A layer or facet that the model lacks, or a stride that does not divide its patch.
        """
        info = self.info
        if not taps:
            raise UsageError("no descriptors were asked for", hint="Name at least one layer and facet, such as 9:key")
        for tap in taps:
            self._check_layer(tap.layer)
            if info.arch == "resnet" and tap.facet != "token":
                raise UsageError(f"{info.name} has no {tap.facet}s", hint="ResNets offer stage outputs: 3:token")
        smallest = GridGeometry.plan((info.patch, info.patch), None, info.patch, stride)  # checks the stride
        if info.arch == "resnet" and smallest.stride < _RESNET_FINEST:
            raise UsageError(f"stride {stride} is finer than {info.name} can give", hint="Use 4, 8, 16 or 32")
        layer: int | None = None
        if saliency is not False and info.has_class_token:
            layer = info.defaults.saliency_layer if saliency is True else saliency
            if layer is not None:
                self._check_layer(layer)
        return FeatureSpec(
            model=info.name,
            weights=self.weights_sha256,
            taps=tuple(dict.fromkeys(taps)),
            stride=stride,
            size=size,
            saliency_layer=layer,
            position_mode=position_mode or info.position_mode,
            precision=self.precision,
            storage=storage,
        )

    def _check_layer(self, layer: int) -> None:
        if not 0 <= layer < self.info.depth:
            raise UsageError(
                f"{self.info.name} has no layer {layer}", hint=f"Its layers are 0 to {self.info.depth - 1}"
            )


_RESNET_FINEST = 4


def plan_encoder(name: str, device: str = "auto", precision: str = "auto") -> EncoderPlan:
    """Plan to use an installed model, without reading its weights.

    Raises:
        UsageError: No such model, device or precision.
        ModelNotInstalledError: The model is not installed.
    """
    info = model_info(name)
    return EncoderPlan(info, installed(name).weights, place(device, precision, info.width))
