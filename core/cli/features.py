"""Commands about features themselves: `extract`, `explore`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from counterpart.core.cli.options import (
    add_engine_options,
    add_feature_options,
    add_images,
    add_report_options,
    engine_from,
    images_from,
    integers,
    parsed,
    resolution,
    tap_or,
)
from counterpart.core.cli.runner import Outcome
from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.jobs import JobContext
from counterpart.core.wording import counted

if TYPE_CHECKING:
    from counterpart.core.pipeline.engine import Engine
    from counterpart.core.pipeline.explore.view_files import Viewed
    from counterpart.core.pipeline.explore.views import View


def declare_extract(parser: argparse.ArgumentParser) -> None:
    """`counterpart extract`."""
    add_images(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--bin", type=int, default=0, metavar="N", help="levels of log-binning (paper: 2; default none)"
    )
    parser.add_argument("--dtype", choices=["float32", "float16"], default="float32", help="stored type (%(default)s)")
    parser.add_argument(
        "--heads-saliency",
        type=parsed(integers),
        metavar="0,2,4,5",
        help="attention heads averaged (the model's own)",
    )
    parser.add_argument(
        "--tap",
        type=parsed(Tap.parse),
        action="append",
        metavar="9:key",
        help="several places in one pass (repeatable)",
    )
    add_engine_options(parser)
    add_feature_options(parser)
    add_report_options(parser)
    parser.set_defaults(command=_extract)


def _extract(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.explore.extraction import ExtractParams, extract_to_files

    if args.precision == "auto" and args.dtype == "float32":
        args.precision = "float32"  # who asks for full precision is not served by a faster, coarser product
    engine = engine_from(args)
    chosen = resolution(args, engine.defaults.points_size, engine.defaults.points_stride)
    taps = tuple(args.tap or ())
    if not taps or args.layer is not None or args.facet is not None:
        taps = (tap_or(args, engine.defaults.match_tap), *taps)
    params = ExtractParams(taps, chosen.size, chosen.stride, args.bin, args.dtype, args.heads_saliency)
    written = extract_to_files(engine, images_from(args, ctx), params, args.out, ctx)
    data = [
        {
            "image": item.name,
            "file": str(item.file),
            "grid": list(item.grid_hw),
            "size": list(item.image_hw)[::-1],
        }
        for item in written
    ]
    return Outcome(f"{counted(len(written), 'file')} in {args.out}", {"out": str(args.out), "images": data})


def declare_explore(parser: argparse.ArgumentParser) -> None:
    """`counterpart explore`."""
    kinds = parser.add_subparsers(dest="action", required=True, metavar="pca|clusters|tsne|saliency|similarity")
    pca = kinds.add_parser("pca", help="three principal components of the set as colours, one PNG per image")
    pca.add_argument("--foreground", action="store_true", help="split off the background first and leave it black")
    clusters = kinds.add_parser("clusters", help="clusters of the set's descriptors as colours, one PNG per image")
    clusters.add_argument("--clusters", type=int, default=8, metavar="N", help="number of clusters (%(default)s)")
    tsne = kinds.add_parser("tsne", help="descriptors arranged in the plane: tsne.csv, tsne.png (extra: explore)")
    tsne.add_argument("--perplexity", type=float, default=300.0, help="effective neighbours (paper, DINO: %(default)s)")
    tsne.add_argument("--exaggeration", type=float, default=1.0, help="lasting attraction (%(default)s)")
    tsne.add_argument("--every", type=int, default=10, metavar="N", help="one descriptor in N (%(default)s)")
    saliency = kinds.add_parser("saliency", help="what stands out, one grey PNG per image")
    saliency.add_argument("--per-head", action="store_true", help="also a coloured picture of each attention head")
    similarity = kinds.add_parser("similarity", help="how similar each place is to a point, drawn over each image")
    similarity.add_argument("--query", type=Path, required=True, metavar="IMAGE", help="the image that the point is in")
    similarity.add_argument("--at", type=parsed(_point), required=True, metavar="X,Y", help="the point, in pixels")
    runs = ((pca, _pca), (clusters, _clusters), (tsne, _tsne), (saliency, _saliency), (similarity, _similarity))
    for kind, run in runs:
        add_images(kind)
        kind.add_argument("--out", type=Path, required=True, metavar="DIR")
        add_engine_options(kind)
        add_feature_options(kind)
        add_report_options(kind)
        kind.set_defaults(command=run)


def _point(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"'{text}' is not a point", hint="Use X,Y in pixels, such as 120,85.5") from None
    return x, y


def _view(args: argparse.Namespace, engine: Engine, tap: Tap) -> View:
    from counterpart.core.pipeline.explore.views import View

    chosen = resolution(args, engine.defaults.segment_size, engine.defaults.segment_stride)
    return View(tap_or(args, tap), chosen.size, chosen.stride)


def _viewed(viewed: Viewed, out: Path) -> Outcome:
    data = {
        "out": str(out),
        **viewed.about,
        "files": [{"image": name, "file": str(path)} for name, path in viewed.files],
    }
    return Outcome(f"{counted(len(viewed.files), 'file')} in {out}", data)


def _pca(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.features.pca import PcaParams
    from counterpart.core.pipeline.explore.view_files import pca_to_files

    engine = engine_from(args)
    params = PcaParams(foreground="component" if args.foreground else "none")
    view = _view(args, engine, engine.defaults.cosegment_tap)
    return _viewed(pca_to_files(engine, images_from(args, ctx), view, args.out, ctx, params), args.out)


def _clusters(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.explore.view_files import clusters_to_files

    engine = engine_from(args)
    view = _view(args, engine, engine.defaults.cosegment_tap)
    refs = images_from(args, ctx)
    return _viewed(clusters_to_files(engine, refs, view, args.clusters, args.out, ctx, seed=args.seed), args.out)


def _saliency(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.pipeline.explore.view_files import saliency_to_files

    engine = engine_from(args)
    view = _view(args, engine, engine.defaults.saliency_tap)
    viewed = saliency_to_files(engine, images_from(args, ctx), view, args.out, ctx, heads=args.per_head)
    return _viewed(viewed, args.out)


def _similarity(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.images.finding import find_images
    from counterpart.core.pipeline.explore.view_files import similarity_to_files

    engine = engine_from(args)
    view = _view(args, engine, engine.defaults.match_tap)
    query = find_images([args.query])[0]
    viewed = similarity_to_files(engine, images_from(args, ctx), query, args.at, view, args.out, ctx)
    return _viewed(viewed, args.out)


def _tsne(args: argparse.Namespace, ctx: JobContext) -> Outcome:
    from counterpart.core.features.tsne import TsneParams
    from counterpart.core.pipeline.explore.view_files import tsne_to_files

    engine = engine_from(args)
    if args.every < 1:
        raise UsageError(f"--every {args.every} takes no descriptor", hint="Use 1 for all of them, or more")
    params = TsneParams(perplexity=args.perplexity, exaggeration=args.exaggeration, every=args.every, seed=args.seed)
    view = _view(args, engine, engine.defaults.cosegment_tap)
    return _viewed(tsne_to_files(engine, images_from(args, ctx), view, params, args.out, ctx), args.out)
