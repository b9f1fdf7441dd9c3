"""Frames that annotations are about: of images, of films, or carried by the annotations themselves."""

from __future__ import annotations

import importlib
import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from counterpart.core.errors import CounterpartError, FormatError
from counterpart.core.formats.base import ImportReport
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.source import Source
from counterpart.core.images.decoding import opened
from counterpart.core.images.video import VideoFrames
from counterpart.core.jobs import JobContext

Picture = Callable[[], bytes]


class Films:
    """Finds the photograph of a frame.

    A frame that was taken out of its film before is the project's image: it lies in a folder that is called as the film
    is, by its number. Else it is taken from the file itself, or from the film, where that lies in a folder that the
    person named.

    Args:
        path: The annotations, in SLEAP's format (HDF5).
        source: The project and the folders that a person named.
        ctx: Cancels.
        report: Gets the films that are missing, a line each.
    """

    def __init__(self, path: Path, source: Source, ctx: JobContext, report: ImportReport) -> None:
        self._path, self._source, self._ctx, self._report = path, source, ctx, report
        self._films: dict[str, VideoFrames | str] = {}
        self._missing: Counter[str] = Counter()
        self._inside: dict[str, dict[int, int]] = {}

    def place(self, video: Any, index: int) -> tuple[Placed | None, Picture | None]:
        """The photograph of a frame, and what encodes it where it is in no file of its own; None where it is nowhere.

        Args:
            video: The video as sleap-io has it, not opened.
            index: The frame, from 0.
        """
        files = video.filename
        if isinstance(files, (list, tuple)):
            if 0 <= index < len(files):
                return self._source.place(str(files[index]).replace("\\", "/")), None
            self._missing[f"frame {index} of a list of {len(files)} images"] += 1
            return None, None
        carried = self._carried(video, index)
        name = _film_name(video)
        stem = PurePosixPath(name.replace("\\", "/")).stem or "film"
        for frame in (f"{stem}/{index:05d}", f"{stem}/{index}", f"{stem}/frame_{index:06d}"):
            placed = self._source.place(frame, bare=True)
            if not placed.problem and placed.sure:
                return placed, None
        if carried is not None:
            return self._made(f"{stem}/{index:05d}", carried)
        film = self._film(name)
        if isinstance(film, str):
            self._missing[f"{name}: {film}"] += 1
            return None, None
        return self._made(f"{stem}/{index:05d}", lambda: self._frame(film, index), film.hw)

    def report_missing(self) -> None:
        """Say which films were not found, a line for each."""
        for what, count in self._missing.items():
            self._report.skipped.append((self._path.name, f"{what} ({count} labelled frames)"))

    def _made(
        self, name: str, picture: Picture, hw: tuple[int, int] | None = None
    ) -> tuple[Placed | None, Picture | None]:
        if hw is None:
            with opened(io.BytesIO(picture()), self._path) as image:
                hw = image.height, image.width
        return Placed(name, name, hw=hw, declared=hw), picture

    def _film(self, name: str) -> VideoFrames | str:
        """A film, or why it cannot be used."""
        if name not in self._films:
            file, problem = self._source.file_of(name)
            try:
                self._films[name] = problem if file is None else VideoFrames(file, self._ctx)
            except CounterpartError as error:
                self._films[name] = error.what
        return self._films[name]

    def _frame(self, film: VideoFrames, index: int) -> bytes:
        for frame in film.frames(self._ctx, index, index + 1):
            return _png(frame.rgb)
        raise FormatError(f"frame {index} of the film cannot be read", path=self._path, hint="Take its frames first")

    def _carried(self, video: Any, index: int) -> Picture | None:
        """What encodes a frame that the file carries; None for one that it does not."""
        details = getattr(video, "backend_metadata", None) or {}
        dataset = str(details.get("dataset") or "")
        if not details.get("has_embedded_images") or not dataset:
            return None
        if dataset not in self._inside:
            self._inside[dataset] = dict(_frame_numbers(self._path, dataset))
        row = self._inside[dataset].get(index)
        return None if row is None else lambda: _read_frame(self._path, dataset, row)


def _film_name(video: Any) -> str:
    """The name of the film that a video is, or was before its frames were taken into the file."""
    origin = getattr(video, "source_video", None)
    name = video.filename if origin is None else origin.filename
    if isinstance(name, (list, tuple)):
        name = name[0] if name else "film"
        return str(PurePosixPath(str(name).replace("\\", "/")).parent)
    return str(name)


def _frame_numbers(path: Path, dataset: str) -> Iterator[tuple[int, int]]:
    h5py = importlib.import_module("h5py")
    with h5py.File(path, "r") as file:
        group = dataset.rpartition("/")[0]
        numbers = file.get(f"{group}/frame_numbers")
        count = len(file[dataset]) if dataset in file else 0
        listed = range(count) if numbers is None else [int(number) for number in numbers[:count]]
    yield from ((number, row) for row, number in enumerate(listed))


def _read_frame(path: Path, dataset: str, row: int) -> bytes:
    """A frame as it is encoded in the file; one that is stored as pixels becomes a PNG."""
    h5py = importlib.import_module("h5py")
    with h5py.File(path, "r") as file:
        pixels = np.asarray(file[dataset][row])
        if str(file[dataset].attrs.get("format", "hdf5")) == "hdf5" or pixels.ndim > 1:
            return _png(pixels)
        return pixels.astype(np.uint8).tobytes()


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    flat = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels
    Image.fromarray(flat.astype(np.uint8)).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
