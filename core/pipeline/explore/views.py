"""Views of the feature space as pictures on the token grid: what the window lays over images and files are made of.

Each function gathers the features of a set and gives a picture per image, small (one pixel per token), with the
geometry that says where it lies. Writing them to files is `core.pipeline.explore.view_files`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.features.pca import PcaParams, fit_pca
from counterpart.core.features.pictures import colour_values, stretch
from counterpart.core.features.taps import Tap
from counterpart.core.features.tsne import TsneParams, TsneResult, embed_tsne
from counterpart.core.features.values import FeatureMap
from counterpart.core.geometry import GridGeometry, Size
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine

_CLUSTER_SAMPLES = 20_000


@dataclass(frozen=True, slots=True)
class View:
    """Where descriptors are read for a view.

    Attributes:
        tap: Layer and facet.
        size: Input size.
        stride: Distance of patches, input pixels.
        with_taps: Further places read in the same pass, so that a later look at them costs no pass of its own.
    """

    tap: Tap
    size: Size
    stride: int
    with_taps: tuple[Tap, ...] = ()

    @property
    def taps(self) -> list[Tap]:
        """All places, the one looked at first."""
        return list(dict.fromkeys((self.tap, *self.with_taps)))


@dataclass(frozen=True, slots=True, eq=False)
class GridPicture:
    """A picture of one image, one pixel per token.

    Attributes:
        colours: (rows, columns, 3) uint8.
        geometry: Where the tokens lie in the image.
        smooth: Whether colours blend between tokens, or stand for distinct things.
    """

    colours: NDArray[np.uint8]
    geometry: GridGeometry
    smooth: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Pictures of a set.

    Attributes:
        pictures: By position in the list of images asked for; those that could not be used are missing.
        about: Plain values worth telling: explained variance, number of clusters.
    """

    pictures: dict[int, GridPicture]
    about: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class TokenPoints:
    """Descriptors of a set arranged in the plane, and where each comes from.

    Attributes:
        result: Places in the plane; `result.image` counts the images that could be used.
        positions: For each such image its position in the list of images asked for.
        geometries: For each such image where its tokens lie.
    """

    result: TsneResult
    positions: tuple[int, ...]
    geometries: tuple[GridGeometry, ...]

    def image_xy(self) -> NDArray[np.float64]:
        """(N, 2) where in its image each point's token is centred, image pixels."""
        xy = np.zeros((len(self.result.image), 2))
        for index, geometry in enumerate(self.geometries):
            mine = self.result.image == index
            xy[mine] = geometry.grid_to_image(self.result.rc[mine].astype(np.float64))
        return xy


def _features(engine: Engine, refs: Sequence[ImageRef], view: View, taps: Sequence[Tap], ctx: JobContext) -> FeatureSet:
    return engine.features(refs, list(dict.fromkeys((*taps, *view.taps))), view.size, view.stride, ctx)


def _pictures(
    features: FeatureSet, ctx: JobContext, text: str, draw: Callable[[FeatureMap], NDArray[np.uint8]], *, smooth: bool
) -> dict[int, GridPicture]:
    pictures = {}
    for index in range(len(features)):
        ctx.step(index, len(features), text)
        feature_map = features[index]
        pictures[features.indices[index]] = GridPicture(draw(feature_map), feature_map.geometry, smooth)
    ctx.step(len(features), len(features), text)
    return pictures


def component_views(
    engine: Engine,
    refs: Sequence[ImageRef],
    view: View,
    ctx: JobContext,
    params: PcaParams | None = None,
) -> Views:
    """The set's first three principal components as colours (paper, figure 2).

    `about["explained"]` has their shares of the variance.
    """
    features = _features(engine, refs, view, [view.tap], ctx.stage(0.0, 0.8))
    model = fit_pca(features, view.tap, ctx.stage(0.8, 0.9), params)
    pictures = _pictures(features, ctx.stage(0.9, 1.0), "Colouring", model.colours, smooth=True)
    return Views(pictures, {"explained": [round(float(share), 4) for share in model.explained]})


def saliency_views(
    engine: Engine, refs: Sequence[ImageRef], view: View, ctx: JobContext, *, head: int | None = None
) -> Views:
    """Saliency by the model's own method, or what one attention head looks at, through the colour scale.

    `head` counts the heads of the saliency layer; None is the model's saliency.

    Raises:
        UsageError: The features carry no attention, or there is no such head.
    """
    tap = engine.defaults.saliency_tap
    features = _features(engine, refs, View(tap, view.size, view.stride), [tap], ctx.stage(0.0, 0.9))

    def draw(feature_map: FeatureMap) -> NDArray[np.uint8]:
        if head is None:
            return colour_values(saliency_of(engine, feature_map))
        if feature_map.attention is None:
            raise UsageError(f"{engine.info.name} has no class attention", hint="Choose a vision transformer")
        if head >= len(feature_map.attention):
            raise UsageError(f"there is no attention head {head}; the last one is {len(feature_map.attention) - 1}")
        return colour_values(stretch(feature_map.attention[head], 0.0, 99.5))

    pictures = _pictures(features, ctx.stage(0.9, 1.0), "Drawing saliency", draw, smooth=True)
    return Views(pictures, {"method": engine.defaults.saliency_method if head is None else f"head {head}"})


def cluster_views(
    engine: Engine, refs: Sequence[ImageRef], view: View, count: int, ctx: JobContext, *, seed: int = 0
) -> Views:
    """The set's descriptors in `count` clusters by cosine, each with a colour of its own.

    The first step of the paper's co-segmentation (supplement 1.1), to be looked at.

    Raises:
        UsageError: Fewer than two clusters.
    """
    from counterpart.core.features.clustering import assign, kmeans
    from counterpart.core.project.palette import colour_at

    if count < 2:
        raise UsageError("fewer than two clusters show nothing", hint="Ask for two or more")
    features = _features(engine, refs, view, [view.tap], ctx.stage(0.0, 0.8))
    step = max(1, len(features) * features[0].geometry.tokens // _CLUSTER_SAMPLES)
    samples = []
    for index in range(len(features)):
        ctx.stage(0.8, 0.85).step(index, len(features), "Gathering descriptors")
        samples.append(features[index].flat(view.tap)[index % step :: step])
    found = kmeans(np.concatenate(samples), count, seed=seed, ctx=ctx.stage(0.85, 0.95))
    table = np.array([colour_at(index) for index in range(found.k)], dtype=np.uint8)

    def draw(feature_map: FeatureMap) -> NDArray[np.uint8]:
        labels, _ = assign(feature_map.flat(view.tap), found.centroids)
        return np.asarray(table[labels].reshape(*feature_map.grid_hw, 3))

    pictures = _pictures(features, ctx.stage(0.95, 1.0), "Colouring", draw, smooth=False)
    return Views(pictures, {"clusters": found.k})


def arrange_tokens(
    engine: Engine,
    refs: Sequence[ImageRef],
    view: View,
    params: TsneParams,
    ctx: JobContext,
    preview: Callable[[NDArray[np.float32]], None] | None = None,
) -> TokenPoints:
    """Arrange the descriptors of a set in the plane by t-SNE (paper, figure 3)."""
    features = _features(engine, refs, view, [view.tap], ctx.stage(0.0, 0.4))
    result = embed_tsne(features, view.tap, params, ctx.stage(0.4, 1.0), preview=preview)
    geometries = tuple(features[index].geometry for index in range(len(features)))
    return TokenPoints(result, features.indices, geometries)


def saliency_of(engine: Engine, feature_map: FeatureMap) -> NDArray[np.float32]:
    """(rows, columns) float32 saliency in [0, 1] by the model's own method.

    The features must hold the model's `saliency_tap`.
    """
    from counterpart.core.features.saliency import SaliencyParams, saliency_map

    best = engine.defaults
    return saliency_map(feature_map, SaliencyParams(best.saliency_method, best.saliency_heads, best.saliency_tap))
