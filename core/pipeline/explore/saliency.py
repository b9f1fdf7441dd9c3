"""The saliency that a model's defaults ask for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from counterpart.core.features.values import FeatureMap
from counterpart.core.pipeline.engine import Engine

__all__ = ["saliency_of"]


def saliency_of(engine: Engine, feature_map: FeatureMap) -> NDArray[np.float32]:
    """(rows, columns) float32 saliency in [0, 1] by the model's own method.

    The features must hold the model's `saliency_tap`.
    """
    from counterpart.core.features.saliency import SaliencyParams, saliency_map

    best = engine.defaults
    return saliency_map(feature_map, SaliencyParams(best.saliency_method, best.saliency_heads, best.saliency_tap))
