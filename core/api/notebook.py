"""The functions of `import counterpart`: paths and arrays in, values out, over the same use cases as the window.

An image of a set is a file, because results are named after it and refined on its pixels; where one image stands for
itself, an array does too: (height, width, 3) uint8 RGB. Points are (x, y) pixels, the centre of the first at (0, 0).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from counterpart.core.errors import ImageError, UsageError
from counterpart.label_maps import LabelMaps, label_maps
from counterpart.reporting import Report, reported

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from counterpart.core.evaluate.keypoints import Annotated
    from counterpart.core.features.taps import Tap
    from counterpart.core.features.values import FeatureMap
    from counterpart.core.geometry import Size
    from counterpart.core.images.reading import ImageRef
    from counterpart.core.matching.pairs import Matches
    from counterpart.core.parts.codebook import Codebook
    from counterpart.core.pipeline.engine import Engine
    from counterpart.core.pipeline.keypoints.transfer import TransferRun
    from counterpart.core.project.points import Skeleton

Images = str | Path | Sequence[str | Path]
"""Files, folders (searched through) and glob patterns: one, or several."""


def features(
    image: str | Path | NDArray[np.uint8],
    engine: Engine | None = None,
    *,
    tap: Tap | str | None = None,
    size: Size | Literal["model"] = "model",
    stride: int | None = None,
) -> FeatureMap:
    """Dense features of one image.

    Args:
        image: A file, or (height, width, 3) uint8 RGB. Features of arrays are not cached.
        engine: The model; the default one where left out.
        tap: Where in the model: `"9:key"` or a `Tap`; the model's own place for correspondences by default.
        size: Input size: longest side, (width, height) exactly, None for the image's own, `model` for the model's.
        stride: Distance of patches, input pixels; the model's own by default.

    Returns:
        Its `descriptors()` are (rows, columns, D) float32, `attention` (heads, rows, columns) or None, and `geometry`
        says which pixels each token sees.

    Raises:
        ImageError: The file cannot be used.
        UsageError: Not an image, or a request the model cannot answer.
        ModelNotInstalledError: The model is not installed.
    """
    from counterpart.core.features.taps import Tap

    engine = engine or _default_engine()
    taps = [Tap.parse(tap) if isinstance(tap, str) else tap or engine.defaults.match_tap]
    chosen = engine.defaults.points_size if size == "model" else size
    stride = stride or engine.defaults.points_stride
    with reported(None) as ctx:
        if not isinstance(image, (str, Path)):
            return engine.arrays([_pixels(image)], taps, chosen, stride, ctx)[0]
        try:
            return engine.features([_ref(image)], taps, chosen, stride, ctx)[0]
        except ImageError:
            raise ctx.failures.pop() from None  # it is the one image, not one of a batch


def find_object(images: Images, engine: Engine | None = None, *, progress: Report | None = None) -> LabelMaps:
    """Find the object that images share, with the model's own settings.

    An image that cannot be used is named in a warning and left out.

    Args:
        images: Two or more, the more the better.
        engine: The model; the default one where left out.
        progress: Called with how far it is.

    Raises:
        UsageError: There are no images.
        ImageError: None of them can be used.
        ModelNotInstalledError: The model is not installed.
    """
    from counterpart.core.pipeline.parts.masks import CosegmentJob, find_object

    engine, refs = engine or _default_engine(), _refs(images)
    with reported(progress) as ctx:
        run = find_object(engine, refs, CosegmentJob.for_model(engine.defaults), ctx)
    return label_maps(run, None, engine, refs)


def find_parts(
    images: Images,
    k: int = 4,
    engine: Engine | None = None,
    *,
    codebook: Codebook | str | Path | None = None,
    progress: Report | None = None,
) -> LabelMaps:
    """Find the parts of the object that images share, with the model's own settings.

    An image that cannot be used is named in a warning and left out.

    Args:
        images: The set.
        k: Number of parts.
        engine: The model; the default one where left out, or the one that the codebook was made with.
        codebook: Parts that were found before, to be found again in these images, each for itself; `k` is theirs.
        progress: Called with how far it is.

    Raises:
        UsageError: There are no images, or the codebook was made with another model.
        ImageError: None of them can be used.
        ModelNotInstalledError: The model is not installed.
    """
    from counterpart.core.parts.codebook import Codebook
    from counterpart.core.pipeline.parts.discovery import PartsJob, find_known_parts, find_parts

    refs = _refs(images)
    known = Codebook.load(Path(codebook)) if isinstance(codebook, (str, Path)) else codebook
    engine = engine or _default_engine(*([known.spec.model] if known else []))
    with reported(progress) as ctx:
        if known is None:
            run = find_parts(engine, refs, PartsJob.for_model(engine.defaults, k), ctx)
        else:
            run = find_known_parts(engine, refs, known, ctx)
    return label_maps(run.masks, run.codebook, engine, refs)


def match(
    a: str | Path | NDArray[np.uint8],
    b: str | Path | NDArray[np.uint8],
    pairs: int = 10,
    engine: Engine | None = None,
    *,
    at: ArrayLike | None = None,
    paper: bool = False,
) -> Matches:
    """Corresponding points of two images.

    Args:
        a: A file, or (height, width, 3) uint8 RGB.
        b: Likewise.
        pairs: How many of the best pairs.
        engine: The model; the default one where left out.
        at: (N, 2) places in a, pixels: what corresponds to them in b is found instead of the best pairs.
        paper: The paper's settings (section 5.3) instead of the model's own.

    Returns:
        `xy_a` and `xy_b` (N, 2) float64 pixels, `score` and `cycle_error` (N,); best first, or in the order of `at`.

    Raises:
        ImageError: A file cannot be used.
        UsageError: Not an image, or a place lies outside image a.
        ModelNotInstalledError: The model is not installed.
    """
    from counterpart.core.pipeline.matches.matching import (
        MatchJob,
        match_features,
        match_images,
        match_places_of,
        match_points,
    )

    engine = engine or _default_engine()
    job = (MatchJob.paper if paper else MatchJob.for_engine)(engine, pairs)
    places = None if at is None else _points(at)
    with reported(None) as ctx:
        if isinstance(a, (str, Path)) and isinstance(b, (str, Path)):
            if places is None:
                return match_images(engine, _ref(a), _ref(b), job, ctx).matches
            return match_points(engine, _ref(a), _ref(b), [(x, y) for x, y in places.tolist()], job, ctx).matches
        maps = engine.arrays([_pixels(a), _pixels(b)], job.taps(engine), job.size, job.stride, ctx)
        if places is None:
            return match_features(engine, maps, job, ctx).matches
        return match_places_of(maps, [(x, y) for x, y in places.tolist()], job).matches


def transfer(
    templates: str | Path | Mapping[str | Path, ArrayLike],
    images: Images,
    engine: Engine | None = None,
    *,
    skeleton: Skeleton | Sequence[str] | None = None,
    progress: Report | None = None,
) -> TransferRun:
    """Place the keypoints of a few annotated images in others.

    An image that cannot be used is named in a warning and left out.

    Args:
        templates: A file of COCO keypoints; or for each annotated image its (K, 2) points, NaN where one is not there.
        images: Where to place them. One that is a template keeps its own points.
        engine: The model; the default one where left out.
        skeleton: Names of the K keypoints where `templates` are arrays; numbers by default. A `Skeleton` may also say
            which are mirror pairs, such as left and right eye, which are then told apart better.
        progress: Called with how far it is.

    Returns:
        Its `found` has an entry for each image, with `ref.path` and `prediction`, whose `xy` are (K, 2) pixels, and
        `score` (K,) the chance that each is right.

    Raises:
        UsageError: There are no images, or no template shows a keypoint, or templates differ in number of points.
        FormatError: The file is not COCO keypoints.
        ImageError: No template can be used.
        ModelNotInstalledError: The model is not installed.
    """
    from counterpart.core.pipeline.keypoints.transfer import TransferJob, transfer_keypoints
    from counterpart.core.pipeline.keypoints.transfer_files import read_templates

    engine, refs = engine or _default_engine(), _refs(images)
    with reported(progress) as ctx:
        if isinstance(templates, (str, Path)):
            names, items = read_templates(Path(templates), None, ctx)
        else:
            names, items = _templates(templates, skeleton)
        return transfer_keypoints(engine, items, refs, names, TransferJob.for_model(engine.defaults), ctx)


# Behind the functions -----------------------------------------------------------------------------------------------


@functools.cache
def _default_engine(*model: str) -> Engine:
    """The engine of those who name none, the same for all calls: weights are read once."""
    from counterpart.core.pipeline.engine import Engine

    return Engine(*model)


def _refs(images: Images) -> list[ImageRef]:
    from counterpart.core.images.finding import find_images

    return find_images([images] if isinstance(images, (str, Path)) else images)


def _ref(path: str | Path) -> ImageRef:
    from counterpart.core.images.reading import ImageRef

    return ImageRef(Path(path), Path(path).name)


def _pixels(image: str | Path | NDArray[np.uint8]) -> NDArray[np.uint8]:
    import numpy as np

    from counterpart.core.images.reading import read_image

    if isinstance(image, (str, Path)):
        return read_image(image).rgb
    given: object = image  # whatever a notebook holds, not what the annotation promises
    if isinstance(given, np.ndarray) and given.ndim == 3 and given.shape[2] == 3 and given.dtype == np.uint8:
        return given
    what = f"{given.dtype} {given.shape}" if isinstance(given, np.ndarray) else type(given).__name__
    raise UsageError(f"{what} is not an image", hint="Give a path, or an array (height, width, 3) of uint8, RGB")


def _points(values: ArrayLike) -> NDArray[np.float64]:
    import numpy as np

    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise UsageError(f"points of shape {points.shape}", hint="Give (N, 2): x and y of each, in pixels")
    return points


def _templates(
    given: Mapping[str | Path, ArrayLike], skeleton: Skeleton | Sequence[str] | None
) -> tuple[Skeleton, list[Annotated]]:
    import numpy as np

    from counterpart.core.images.reading import image_size
    from counterpart.core.pipeline.keypoints.transfer_files import annotated
    from counterpart.core.project.points import Skeleton

    points = {path: _points(values) for path, values in given.items()}
    counts = {len(xy) for xy in points.values()}
    if skeleton is None:
        skeleton = [str(number) for number in range(1, max(counts, default=0) + 1)]
    if not isinstance(skeleton, Skeleton):
        skeleton = Skeleton(tuple(skeleton))
    if counts - {len(skeleton)}:
        raise UsageError(
            f"templates of {sorted(counts)} points for {len(skeleton)} names", hint="Use NaN for points that are absent"
        )
    items = []
    for path, xy in points.items():
        present = np.asarray(np.isfinite(xy).all(axis=1))
        if present.any():
            items.append(annotated(_ref(path), image_size(path), xy, present))
    return skeleton, items
