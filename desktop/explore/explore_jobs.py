"""What the Explore panel computes on the worker thread: views of the feature space of a set, and their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from counterpart.core.backbone.registry import ModelInfo
from counterpart.core.features.taps import Tap
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.desktop.jobs.backend import Backend, ModelChoice

if TYPE_CHECKING:
    from counterpart.core.pipeline.explore.view_files import Viewed
    from counterpart.core.pipeline.explore.views import GridPicture, TokenPoints, View

ViewKind = Literal["components", "saliency", "clusters", "tsne"]

ALL_LAYERS_UP_TO = 24
"""With no more images than this, one pass keeps the facet of every layer, so that the layer's slider is live."""


@dataclass(frozen=True, slots=True)
class ExploreParams:
    """What is looked at.

    Attributes:
        kind: The view.
        tap: Layer and facet.
        foreground: Split off the background before colours are chosen (components).
        head: Attention head, None for the model's saliency.
        clusters: How many.
        perplexity: Effective neighbours of a point (t-SNE).
        exaggeration: Lasting attraction (t-SNE).
        every: One descriptor in so many (t-SNE).
    """

    kind: ViewKind
    tap: Tap
    foreground: bool = False
    head: int | None = None
    clusters: int = 8
    perplexity: float = 300.0
    exaggeration: float = 1.0
    every: int = 10


@dataclass(frozen=True, slots=True)
class ExploreRequest:
    """A view of some images by a model."""

    choice: ModelChoice
    refs: Mapping[int, ImageRef]
    params: ExploreParams


@dataclass(frozen=True, slots=True, eq=False)
class Explored:
    """What was found.

    Attributes:
        request: What was asked for.
        pictures: By image id.
        points: Arranged descriptors, for t-SNE.
        about: Plain values: explained variance, number of clusters.
    """

    request: ExploreRequest
    pictures: dict[int, GridPicture]
    points: TokenPoints | None = None
    about: dict[str, object] = field(default_factory=dict)


def _view(info: ModelInfo, params: ExploreParams, images: int) -> View:
    from counterpart.core.pipeline.explore.views import View

    defaults = info.defaults
    others: tuple[Tap, ...] = ()
    if params.kind in ("components", "clusters") and images <= ALL_LAYERS_UP_TO:
        others = tuple(Tap(layer, params.tap.facet) for layer in range(info.depth))
    return View(params.tap, defaults.segment_size, defaults.segment_stride, others)


def explore_job(
    request: ExploreRequest, preview: Callable[[NDArray[np.float32]], None] | None = None
) -> Callable[[Backend, JobContext], Explored]:
    """A job that makes a view. `preview` gets the places of a t-SNE while it forms, on the worker thread."""

    def run(backend: Backend, ctx: JobContext) -> Explored:
        from counterpart.core.features.pca import PcaParams
        from counterpart.core.features.tsne import TsneParams
        from counterpart.core.pipeline.explore import views

        engine, params = backend.engine(request.choice), request.params
        ids, refs = list(request.refs), list(request.refs.values())
        view = _view(engine.info, params, len(refs))
        if params.kind == "tsne":
            settings = TsneParams(params.perplexity, params.exaggeration, params.every)
            points = views.arrange_tokens(engine, refs, view, settings, ctx, preview)
            return Explored(request, {}, points, {"points": len(points.result.xy)})
        if params.kind == "saliency":
            found = views.saliency_views(engine, refs, view, ctx, head=params.head)
        elif params.kind == "clusters":
            found = views.cluster_views(engine, refs, view, params.clusters, ctx)
        else:
            split = PcaParams(foreground="component" if params.foreground else "none")
            found = views.component_views(engine, refs, view, ctx, split)
        return Explored(request, {ids[position]: each for position, each in found.pictures.items()}, None, found.about)

    return run


def save_job(found: Explored, folder: Path) -> Callable[[Backend, JobContext], Viewed]:
    """A job that writes what is shown, as the command line does: a PNG per image, a table and a picture for t-SNE.

    Saliency is written as numbers, in grey, not in the colours that it is shown in.
    """

    def run(backend: Backend, ctx: JobContext) -> Viewed:
        from counterpart.core.pipeline.explore import view_files as files
        from counterpart.core.pipeline.explore.views import Views
        from counterpart.core.pipeline.outputs import check_writable

        params, refs = found.request.params, list(found.request.refs.values())
        check_writable(folder, refs)
        if found.points is not None:
            return files.write_points(found.points, [ref.name for ref in refs], folder)
        if params.kind == "saliency":
            engine = backend.engine(found.request.choice)
            view = _view(engine.info, params, len(refs))
            return files.saliency_to_files(engine, refs, view, folder, ctx, heads=params.head is not None)
        places = {image: place for place, image in enumerate(found.request.refs)}
        pictures = {places[image]: picture for image, picture in found.pictures.items()}
        return files.write_views(Views(pictures, found.about), refs, folder, ctx)

    return run
