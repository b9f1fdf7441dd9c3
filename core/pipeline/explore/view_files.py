"""Use cases that show the feature space of a set: principal components, saliency, similarity, t-SNE."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.pca import PcaParams
from counterpart.core.features.pictures import attention_pictures, grid_picture, heat_overlay, stretch
from counterpart.core.features.tsne import TsneParams
from counterpart.core.files import write_text
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.explore.views import (
    TokenPoints,
    View,
    Views,
    arrange_tokens,
    cluster_views,
    component_views,
    saliency_of,
)
from counterpart.core.pipeline.outputs import check_writable, output_paths, write_png
from counterpart.core.spreadsheets import TableWriter


@dataclass(frozen=True, slots=True)
class Viewed:
    """What a view wrote.

    Attributes:
        files: (image name, file) in order.
        about: Further plain values for the report.
    """

    files: list[tuple[str, Path]]
    about: dict[str, object]


def write_views(views: Views, refs: Sequence[ImageRef], out: Path, ctx: JobContext) -> Viewed:
    """Write a picture per image at the image's size; `refs` are the images that the views were made of."""
    paths = output_paths(refs, out, ".png")
    files = []
    for done, (position, picture) in enumerate(views.pictures.items()):
        ctx.step(done, len(views.pictures), "Writing pictures")
        write_png(paths[position], grid_picture(picture.colours, picture.geometry, smooth=picture.smooth))
        files.append((refs[position].name, paths[position]))
    return Viewed(files, views.about)


def pca_to_files(
    engine: Engine,
    refs: Sequence[ImageRef],
    view: View,
    out: Path,
    ctx: JobContext,
    params: PcaParams | None = None,
) -> Viewed:
    """Colour each image by the set's first three principal components (paper, figure 2): one RGB PNG per image."""
    check_writable(out, refs)
    views = component_views(engine, refs, view, ctx.stage(0.0, 0.8), params)
    return write_views(views, refs, out, ctx.stage(0.8, 1.0))


def clusters_to_files(
    engine: Engine, refs: Sequence[ImageRef], view: View, count: int, out: Path, ctx: JobContext, *, seed: int = 0
) -> Viewed:
    """Colour each image by the clusters of the set's descriptors: one RGB PNG per image."""
    check_writable(out, refs)
    views = cluster_views(engine, refs, view, count, ctx.stage(0.0, 0.8), seed=seed)
    return write_views(views, refs, out, ctx.stage(0.8, 1.0))


def saliency_to_files(
    engine: Engine, refs: Sequence[ImageRef], view: View, out: Path, ctx: JobContext, *, heads: bool = False
) -> Viewed:
    """Saliency of each image as a grey PNG at image size; with `heads`, one coloured picture per attention head too."""
    check_writable(out, refs)
    taps = [view.tap, engine.defaults.saliency_tap]
    features = engine.features(refs, taps, view.size, view.stride, ctx.stage(0.0, 0.8))
    ctx = ctx.stage(0.8, 1.0)
    paths = output_paths(refs, out, ".png")
    files = []
    for index in range(len(features)):
        ctx.step(index, len(features), "Drawing saliency")
        feature_map, ref = features[index], features.refs[index]
        path = paths[features.indices[index]]
        grey = feature_map.geometry.upsample(saliency_of(engine, feature_map)) * 255
        write_png(path, grey.round().astype(np.uint8))
        files.append((ref.name, path))
        if heads:
            for head, picture in enumerate(attention_pictures(feature_map)):
                write_png(path.with_suffix(f".head{head}.png"), picture)
    return Viewed(files, {"method": engine.defaults.saliency_method})


def similarity_to_files(
    engine: Engine,
    refs: Sequence[ImageRef],
    query: ImageRef,
    xy: tuple[float, float],
    view: View,
    out: Path,
    ctx: JobContext,
) -> Viewed:
    """How similar every place of each image is to one point of the query image: a heat map over each photograph.

    Args:
        engine: The model.
        refs: The images to look at.
        query: The image that the point lies in.
        xy: The point, pixels of the query image.
        view: Where descriptors are read.
        out: Folder for the pictures.
        ctx: Progress and cancellation.

    Raises:
        UsageError: The point lies outside of the image.
    """
    from counterpart.core.features.similarity import similarity_map

    check_writable(out, refs)
    source = engine.features([query], [view.tap], view.size, view.stride, ctx.stage(0.0, 0.1))[0]
    height, width = source.geometry.image_hw
    if not (-0.5 <= xy[0] <= width - 0.5 and -0.5 <= xy[1] <= height - 0.5):
        raise UsageError(
            f"the point ({xy[0]:g}, {xy[1]:g}) lies outside of {query.name}",
            hint=f"The image is {width} x {height} pixels",
        )
    features = engine.features(refs, [view.tap], view.size, view.stride, ctx.stage(0.1, 0.8))
    ctx = ctx.stage(0.8, 1.0)
    paths = output_paths(refs, out, ".png")
    files, best = [], []
    for index in range(len(features)):
        ctx.step(index, len(features), "Drawing similarity")
        feature_map, ref = features[index], features.refs[index]
        similarity = similarity_map(source, xy, feature_map, view.tap)
        peak = np.unravel_index(int(similarity.argmax()), similarity.shape)
        at = feature_map.geometry.grid_to_image(np.array(peak))
        path = paths[features.indices[index]]
        shown = stretch(similarity, 2.0, 100.0)
        write_png(path, heat_overlay(read_image(ref.path).rgb, shown, feature_map.geometry))
        files.append((ref.name, path))
        best.append({"image": ref.name, "xy": [float(at[0]), float(at[1])], "score": float(similarity.max())})
    return Viewed(files, {"best": best})


def tsne_to_files(
    engine: Engine,
    refs: Sequence[ImageRef],
    view: View,
    params: TsneParams,
    out: Path,
    ctx: JobContext,
) -> Viewed:
    """Arrange the descriptors of a set in the plane (paper, figure 3).

    Writes `tsne.csv` (image, token row and column, image x and y, place u and v) and `tsne.png`, coloured by image.
    """
    check_writable(out)
    points = arrange_tokens(engine, refs, view, params, ctx.stage(0.0, 0.98))
    return write_points(points, [ref.name for ref in refs], out)


def write_points(points: TokenPoints, names: Sequence[str], out: Path) -> Viewed:
    """Write arranged descriptors as `tsne.csv` and `tsne.png`; `names` are those of the images asked for."""
    result = points.result
    buffer = io.StringIO()
    writer = TableWriter(buffer)
    writer.writerow(["image", "row", "column", "x", "y", "u", "v"])
    for image, (row, column), (x, y), (u, v) in zip(result.image, result.rc, points.image_xy(), result.xy, strict=True):
        name = names[points.positions[int(image)]]
        writer.writerow([name, row, column, f"{x:.2f}", f"{y:.2f}", f"{u:.4f}", f"{v:.4f}"])
    write_text(out / "tsne.csv", buffer.getvalue())
    write_png(out / "tsne.png", scatter_picture(result.xy, result.image))
    about: dict[str, object] = {
        "points": len(result.xy),
        "perplexity": round(result.perplexity, 1),
        "divergence": round(result.divergence, 4),
    }
    return Viewed([(name, out / name) for name in ("tsne.csv", "tsne.png")], about)


def scatter_picture(
    xy: NDArray[np.floating], group: NDArray[np.integer], side: int = 1200, radius: int = 3
) -> NDArray[np.uint8]:
    """Points of the plane as a square picture, coloured by group: (side, side, 3) uint8."""
    from counterpart.core.project.palette import colour_at

    margin = 4 * radius
    low, high = xy.min(axis=0), xy.max(axis=0)
    span = max(float((high - low).max()), 1e-9)
    centred = (xy - (low + high) / 2) / span + 0.5
    at = np.rint(margin + centred * (side - 1 - 2 * margin)).astype(np.int64)
    picture = np.full((side, side, 3), 24, dtype=np.uint8)
    offsets = np.arange(-radius, radius + 1)
    dy, dx = np.meshgrid(offsets, offsets, indexing="ij")
    disc = dx**2 + dy**2 <= radius**2
    colours = np.array([colour_at(int(value)) for value in group], dtype=np.uint8)
    for y, x in zip(dy[disc], dx[disc], strict=True):
        picture[side - 1 - at[:, 1] + y, at[:, 0] + x] = colours
    return picture
