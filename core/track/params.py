"""Settings of tracking through a video, and which frames follow from which annotation."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass

from counterpart.core.backbone.registry import ModelInfo
from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Tap


@dataclass(frozen=True, slots=True)
class TrackParams:
    """Settings of tracking. The defaults are the improved ones; `paper()` is DINO's protocol.

    Attributes:
        tap: Which descriptors, None for the first tap of the features.
        top_k: How many most similar tokens of the context a token takes its labels from.
        context: How many preceding frames are looked at besides the annotated one.
        radius: How far from its own place a token looks, as a share of the image's shorter side; 0 is everywhere.
        temperature: Of the softmax over the similarities of those tokens.
        dims: Descriptors are centred on the annotated frames' mean and reduced to so many principal components; 0
            leaves them as they are. Centring is what makes tracking hold on to a small object: the part that all
            tokens of a video share says nothing about which one matches. It also makes the search six times cheaper.
        cells: Labels are kept at `cells` x `cells` places per token, finer than the features: what a token takes from
            another is the little pattern of labels inside it, not one value.
        edges: Let the label borders follow the photograph's edges (guided filter) before the best label is chosen.
        equalise: Stretch each label's score to [0, 1] over the frame before choosing, as DINO's code does.
        both_ways: Between two annotated frames, track from both and blend by distance and confidence; otherwise
            from the earlier one alone.
    """

    tap: Tap | None = None
    top_k: int = 5
    context: int = 7
    radius: float = 0.2
    temperature: float = 0.1
    dims: int = 64
    cells: int = 2
    edges: bool = True
    equalise: bool = False
    both_ways: bool = True

    def __post_init__(self) -> None:
        if min(self.top_k, self.cells) < 1 or min(self.context, self.dims, self.radius) < 0 or self.temperature <= 0:
            raise UsageError(
                "these settings cannot track",
                hint="top_k and cells are at least 1, the others not negative, the temperature above 0",
            )

    @classmethod
    def paper(cls, tap: Tap | None = None) -> TrackParams:
        """The protocol of DINO's DAVIS evaluation, which the paper's supplement (table 1) uses.

        The five most similar tokens of the first and the last seven frames, within 12 tokens at stride 8 of 480 rows,
        temperature 0.1, one label share per token, bilinear upsampling. Features are the encoder's final tokens.
        """
        return cls(tap, dims=0, cells=1, edges=False, equalise=True, both_ways=False)


def default_tap(info: ModelInfo) -> Tap:
    """Descriptors to track with: values of the last block for the embedded backbone, else final tokens as in DINO."""
    last = info.depth - 1
    if info.arch != "vit":
        return Tap(last, "token")
    return Tap(last, "value" if info.name.endswith("_focus") else "normtoken")


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of frames between annotated ones.

    Attributes:
        start: First frame.
        stop: The frame after the last.
        before: The annotated frame just before it, None at the beginning of the video.
        after: The annotated frame just after it, None at the end.
    """

    start: int
    stop: int
    before: int | None
    after: int | None


def plan_segments(annotated: Collection[int], length: int) -> list[Segment]:
    """The runs of frames that are not annotated, in order; empty ones are left out."""
    marks = sorted(annotated)
    edges: list[int | None] = [None, *marks, None]
    segments = []
    for before, after in itertools.pairwise(edges):
        start = 0 if before is None else before + 1
        stop = length if after is None else after
        if stop > start:
            segments.append(Segment(start, stop, before, after))
    return segments


def governed(annotated: Collection[int], corrected: int, length: int) -> range:
    """The frames that change when one frame is corrected: up to its annotated neighbours on both sides.

    Track again over exactly these (`start` and `stop` of `Tracker`); all others keep their labels.

    Args:
        annotated: Annotated frames, with or without the corrected one.
        corrected: The frame that a person just drew on.
        length: Number of frames.
    """
    before = [index for index in annotated if index < corrected]
    after = [index for index in annotated if index > corrected]
    return range(max(before) + 1 if before else 0, min(after) if after else length)
