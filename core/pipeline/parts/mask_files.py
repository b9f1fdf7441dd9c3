"""Writing masks to a folder: one PNG per image, a report, overlays to look at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import CounterpartError, ImageError
from counterpart.core.files import write_bytes, write_json
from counterpart.core.formats.pictures import encode_label_png
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.outputs import output_paths, write_png
from counterpart.core.pipeline.parts.masks import MaskRun
from counterpart.core.pipeline.parts.overlays import overlay


@dataclass(frozen=True, slots=True)
class WrittenMask:
    """One image's mask file.

    Attributes:
        name: Of the image.
        file: The PNG.
        shares: Share of the image that each label covers, by the label's name.
        doubt: How uncertain it is, in [0, 1].
        outlier: Whether the image seems to show something else.
    """

    name: str
    file: Path
    shares: dict[str, float]
    doubt: float
    outlier: bool

    def as_dict(self, below: Path | None = None) -> dict[str, object]:
        """Plain values for a report, the file relative to a folder where one is given."""
        return {
            "image": self.name,
            "file": str(self.file) if below is None else relative_path(self.file, below),
            "shares": {name: round(share, 5) for name, share in self.shares.items()},
            "doubt": round(self.doubt, 4),
            "outlier": self.outlier,
        }


def write_masks(
    run: MaskRun, engine: Engine, refs: Sequence[ImageRef], out: Path, ctx: JobContext, *, overlays: bool = False
) -> list[WrittenMask]:
    """Write the masks of a run and `report.json`.

    A single object gives black-and-white PNGs of 0 and 255; parts give indexed PNGs with 0 for background. Each has
    its image's size. An image that went away meanwhile is recorded in `ctx.failures`.

    Args:
        run: What was found.
        engine: What found it.
        refs: All images that were asked for, those that failed too; names are made unique among them.
        out: The folder.
        ctx: Progress and cancellation; files written so far stay.
        overlays: Also write the parts drawn over the photographs, in `out/overlays`.

    Raises:
        OutputError: A file cannot be written.
    """
    colours = run.colours
    paths = output_paths(refs, out, ".png")
    previews = output_paths(refs, out / "overlays", ".jpg")
    written = []
    for index in range(len(run)):
        ref, place = run.features.refs[index], run.features.indices[index]
        ctx.step(index, len(run), f"Masks of {ref.name}")
        try:
            rgb = read_image(ref.path).rgb
            labels = run.labels(index, ctx, rgb)
        except ImageError as error:
            ctx.fail(error)
            continue
        if run.kind == "cosegment":
            write_png(paths[place], labels > 0)
        else:
            write_bytes(paths[place], encode_label_png(labels, {0: (0, 0, 0), **colours}))
        if overlays:
            _write_jpeg(previews[place], overlay(rgb, labels, colours))
        written.append(
            WrittenMask(ref.name, paths[place], _shares(labels, run.names), run.doubts[index], run.outliers[index])
        )
    write_json(out / "report.json", _report(run, engine, written, out, ctx), indent=1)
    ctx.step(len(run), len(run), "Masks are written")
    return written


def _shares(labels: NDArray[np.unsignedinteger], names: dict[int, str]) -> dict[str, float]:
    counts = np.bincount(labels.ravel(), minlength=max(names, default=0) + 1)
    return {name: float(counts[value]) / labels.size for value, name in names.items()}


def relative_path(path: Path, folder: Path) -> str:
    """A file as seen from a folder, so that a report stays true when both move; absolute from another drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.as_posix()


def _report(
    run: MaskRun, engine: Engine, written: Sequence[WrittenMask], out: Path, ctx: JobContext
) -> dict[str, object]:
    return {
        "kind": run.kind,
        "model": engine.info.name,
        "weights": engine.plan.weights_sha256,
        "params": run.params,
        "labels": {str(value): name for value, name in run.names.items()},
        "note": run.note,
        **run.about,
        "images": [mask.as_dict(out) for mask in written],
        "failed": [_failure(error, out) for error in ctx.failures],
        "warnings": list(ctx.warnings),
    }


def _failure(error: CounterpartError, out: Path) -> dict[str, str]:
    entry = error.as_dict()
    return entry if error.path is None else {**entry, "file": relative_path(error.path, out)}


def _write_jpeg(path: Path, pixels: NDArray[np.uint8]) -> None:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    write_bytes(path, buffer.getvalue())
