"""How a video is gone through: settings, and the encoder of its frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.features.values import FeatureMap
from counterpart.core.geometry import Size
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.track import Encode, TrackParams, default_tap

_VIDEO_SIZE = 448
"""Longest side by default: 252 rows of a 16:9 video, where stride 7 measured best for its time."""


@dataclass(frozen=True, slots=True)
class TrackJob:
    """How to carry masks or points.

    Attributes:
        params: See `TrackParams`.
        size: Input size.
        stride: Distance of patches, input pixels.
    """

    params: TrackParams
    size: Size
    stride: int

    @classmethod
    def for_engine(cls, engine: Engine, *, paper: bool = False) -> TrackJob:
        """The model's own settings, or DINO's protocol."""
        tap = default_tap(engine.info)
        params = TrackParams.paper(tap) if paper else TrackParams(tap=tap)
        return cls(params, _VIDEO_SIZE, engine.defaults.points_stride)


def frame_encoder(engine: Engine, job: TrackJob, ctx: JobContext) -> Encode:
    """Features of a frame as a tracker asks for them; nothing is cached, so that memory does not grow with a video."""
    taps = [job.params.tap or default_tap(engine.info)]
    within = JobContext(None, ctx.token)  # cancellation without progress: encoding is inside a step

    def encode(rgb: NDArray[np.uint8]) -> FeatureMap:
        return engine.arrays([rgb], taps, job.size, job.stride, within, saliency=False)[0]

    return encode
