"""Use case: corresponding points of two images."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from counterpart.core.errors import ImageError, UsageError
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap
from counterpart.core.files import write_json
from counterpart.core.geometry import Size
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.matching.pairs import Matches, MatchParams, match_pair, match_saliency
from counterpart.core.matching.single_points import match_places
from counterpart.core.pipeline.engine import Engine


@dataclass(frozen=True, slots=True)
class MatchJob:
    """What to match and how.

    Attributes:
        params: See `MatchParams`.
        size: Input size.
        stride: Distance of patches, input pixels.
    """

    params: MatchParams
    size: Size
    stride: int

    @classmethod
    def for_engine(cls, engine: Engine, pairs: int = 10, seed: int = 0) -> MatchJob:
        """The model's own settings."""
        defaults = engine.defaults
        params = MatchParams.for_model(defaults, pairs, seed)
        return cls(params, defaults.points_size, defaults.points_stride)

    @classmethod
    def paper(cls, engine: Engine, pairs: int = 10, seed: int = 0) -> MatchJob:
        """The paper's (section 5.3): 224 pixels, stride 4 where the patch allows, log-binned keys of layer 9."""
        stride = 4 if engine.info.patch % 4 == 0 else engine.defaults.points_stride
        params = MatchParams.paper(pairs, seed)
        if not engine.info.has_class_token:
            # Block outputs stand for keys where there are none; there is no class attention either.
            params = dataclasses.replace(params, tap=engine.defaults.match_tap)
        return cls(params, (224, 224), stride)

    def taps(self, engine: Engine) -> list[Tap]:
        """Every place that the job reads descriptors at."""
        return [self.params.tap or engine.defaults.match_tap, engine.defaults.saliency_tap]


@dataclass(frozen=True, slots=True, eq=False)
class MatchRun:
    """Matches with where they come from.

    Attributes:
        matches: The points, image pixels.
        image_hw_a: Height and width of the first image.
        image_hw_b: Height and width of the second image.
    """

    matches: Matches
    image_hw_a: tuple[int, int]
    image_hw_b: tuple[int, int]


def match_images(engine: Engine, a: ImageRef, b: ImageRef, job: MatchJob, ctx: JobContext) -> MatchRun:
    """Find k corresponding points of two image files.

    Raises:
        ImageError: One of them cannot be used.
        UsageError: A request the model cannot answer.
        JobCancelledError: Cancelled.
    """
    return match_features(engine, _features(engine, a, b, job, ctx.stage(0.0, 0.8)), job, ctx.stage(0.8, 1.0))


def _features(engine: Engine, a: ImageRef, b: ImageRef, job: MatchJob, ctx: JobContext) -> FeatureSet:
    """Features of both images; one that cannot be used is the error of the command, not one of a batch."""
    quiet = len(ctx.failures)
    features = engine.features([a, b], job.taps(engine), job.size, job.stride, ctx)
    if len(features) < 2:
        first = ctx.failures[quiet]
        del ctx.failures[quiet:]
        raise ImageError(first.what, path=first.path, hint=first.hint)
    return features


def match_features(engine: Engine, features: Sequence[FeatureMap], job: MatchJob, ctx: JobContext) -> MatchRun:
    """The same from the features of the two images, for a slider that re-matches without the model."""
    a, b = features[0], features[1]
    threshold = job.params.saliency_threshold
    defaults = engine.defaults
    saliency_a = match_saliency(a, defaults) if threshold > 0 else None
    saliency_b = match_saliency(b, defaults) if threshold > 0 else None
    matches = match_pair(a, b, saliency_a, saliency_b, job.params, ctx)
    return MatchRun(matches, a.geometry.image_hw, b.geometry.image_hw)


def match_points(
    engine: Engine, a: ImageRef, b: ImageRef, xy: Sequence[tuple[float, float]], job: MatchJob, ctx: JobContext
) -> MatchRun:
    """The matches in b of given places of a, in their order.

    Raises:
        ImageError: One of the images cannot be used.
        UsageError: A place lies outside image a.
        JobCancelledError: Cancelled.
    """
    return match_places_of(_features(engine, a, b, job, ctx), xy, job, a.path)


def match_places_of(
    features: Sequence[FeatureMap], xy: Sequence[tuple[float, float]], job: MatchJob, path: Path | None = None
) -> MatchRun:
    """The same from the features of the two images; `path` names the first in a message.

    Raises:
        UsageError: A place lies outside image a.
    """
    hw_a, hw_b = features[0].geometry.image_hw, features[1].geometry.image_hw
    for x, y in xy:
        if not (-0.5 <= x <= hw_a[1] - 0.5 and -0.5 <= y <= hw_a[0] - 0.5):
            raise UsageError(f"({x:g}, {y:g}) lies outside the image of {hw_a[1]} x {hw_a[0]} pixels", path=path)
    return MatchRun(match_places(features[0], features[1], xy, job.params), hw_a, hw_b)


def write_matches(
    run: MatchRun, a: ImageRef, b: ImageRef, engine: Engine, job: MatchJob, path: Path
) -> dict[str, object]:
    """Write matches as JSON and return what was written.

    `pairs`: best first, `xy_a` and `xy_b` in pixels, `score` (cosine), `cycle_error` (pixels of image a).

    Raises:
        OutputError: The file cannot be written.
    """
    found = run.matches
    pairs = [
        {
            "xy_a": [round(float(value), 3) for value in found.xy_a[index]],
            "xy_b": [round(float(value), 3) for value in found.xy_b[index]],
            "score": round(float(found.score[index]), 6),
            "cycle_error": round(float(found.cycle_error[index]), 3),
        }
        for index in range(len(found.score))
    ]
    data: dict[str, object] = {
        "image_a": {"path": str(a.path), "width": run.image_hw_a[1], "height": run.image_hw_a[0]},
        "image_b": {"path": str(b.path), "width": run.image_hw_b[1], "height": run.image_hw_b[0]},
        "pairs": pairs,
        "model": engine.info.name,
        "weights": engine.plan.weights_sha256,
        "params": json.loads(json.dumps(dataclasses.asdict(job))),
    }
    write_json(path, data, indent=1)
    return data
