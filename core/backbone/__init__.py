"""Models: which there are, their weights, and encoders that turn images into dense features.

Importing this package loads neither torch nor timm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpart.core.backbone.plan import EncoderPlan, plan_encoder

if TYPE_CHECKING:
    from counterpart.core.backbone.encoder import Encoder

__all__ = ["EncoderPlan", "load_encoder", "plan_encoder"]


def load_encoder(name: str, device: str = "auto", precision: str = "auto") -> Encoder:
    """Load an installed model.

    Args:
        name: Registry name.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        precision: `auto`, `float32`, `bfloat16` or `float16`.

    Raises:
        UsageError: No such model, device or precision.
        ModelNotInstalledError: The model is not installed; says what to do.
        CheckpointError: Its weights are damaged.
    """
    return plan_encoder(name, device, precision).load()
