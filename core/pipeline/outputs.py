"""Results of images as files: each image's relative path mirrored under the output folder, pictures as PNG."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counterpart.core.errors import OutputError, UsageError
from counterpart.core.files import output_errors, write_bytes
from counterpart.core.images.reading import ImageRef


def output_paths(refs: Sequence[ImageRef], folder: Path, suffix: str) -> list[Path]:
    """One path per image, no two the same: `sub/cat.jpg` becomes `folder/sub/cat.png`.

    Images of one folder with equal stems (`cat.jpg`, `cat.png`) keep their own suffix in front of the new
    one, all of them, so that a result's name does not depend on the order of the images. Compared without
    regard to case, as some file systems do.
    """
    stems = [str(PurePosixPath(ref.name).with_suffix("")).casefold() for ref in refs]
    doubled = {stem for stem in stems if stems.count(stem) > 1} if len(set(stems)) < len(stems) else set()
    names = [
        ref.name + suffix if stem in doubled else str(PurePosixPath(ref.name).with_suffix(suffix))
        for ref, stem in zip(refs, stems, strict=True)
    ]
    return [folder / name for name in names]


def check_writable(folder: Path, refs: Sequence[ImageRef] = ()) -> None:
    """Find out before hours of work whether its results can be written, and that they replace none of the images.

    Args:
        folder: Where the results go.
        refs: The images that they are made from, where each gets a picture (`output_paths`, `.png`) or an overlay.

    Raises:
        UsageError: A result would replace a photograph.
        OutputError: They cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError("this is a file, not a folder", path=folder, hint="Choose another --out")
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".counterpart-probe"
        probe.touch()
        probe.unlink()
    images = {os.path.normcase(os.path.realpath(ref.path)): ref.path for ref in refs}
    for target in (*output_paths(refs, folder, ".png"), *output_paths(refs, folder / "overlays", ".jpg")):
        path = images.get(os.path.normcase(os.path.realpath(target)))
        if path is not None:
            raise UsageError("a result would replace this image", path=path, hint="Choose another folder for --out")


def write_png(path: Path, pixels: NDArray[np.uint8] | NDArray[np.bool_]) -> None:
    """Write (height, width) uint8 or bool, or (height, width, 3) uint8, as a PNG; bool becomes 0 and 255.

    Raises:
        OutputError: The file cannot be written.
    """
    values = np.where(pixels, 255, 0).astype(np.uint8) if pixels.dtype == np.bool_ else pixels
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(values)).save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())
