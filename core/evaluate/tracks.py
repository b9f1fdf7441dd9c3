"""Label maps of a video on disk, compared with the true ones: J and F as in DAVIS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from counterpart.core.errors import ProtocolError
from counterpart.core.evaluate.cosegmentation import read_values
from counterpart.core.evaluate.datasets.layout import found_in
from counterpart.core.evaluate.video import VideoScore, score_video
from counterpart.core.jobs import JobContext


class TrackPair(NamedTuple):
    """One sequence.

    Attributes:
        name: Its folder's name.
        predicted: Folder of the label maps to score.
        truth: Folder of the true ones.
    """

    name: str
    predicted: Path
    truth: Path


def find_tracks(predicted: Path, truth: Path) -> list[TrackPair]:
    """One sequence where the true label maps lie in the folder itself, else one for each folder in it.

    Raises:
        ProtocolError: There are no true label maps.
    """
    for folder in (predicted, truth):
        if not folder.is_dir():
            raise ProtocolError("there is no such folder", path=folder, hint="Give two folders of label maps (PNG)")
    if _pngs(truth):
        return [TrackPair(truth.name, predicted, truth)]
    inner = [path for path in natsorted(truth.iterdir(), key=lambda p: p.name) if path.is_dir() and _pngs(path)]
    if not inner:
        raise ProtocolError(
            f"there are no label maps: expected NNNNN.png, or a folder of them per sequence; found {found_in(truth)}",
            path=truth,
            hint="Give the folder of the true label maps",
        )
    return [TrackPair(path.name, predicted / path.name, path) for path in inner]


def score_tracks(pair: TrackPair, ctx: JobContext, *, ends: bool = False) -> VideoScore:
    """Score a sequence. Frames are matched by name; those without truth are left out.

    Args:
        pair: The folders.
        ctx: Progress and cancellation.
        ends: Also score the first frame (given, in DAVIS) and the last.

    Raises:
        ProtocolError: A predicted label map is missing, damaged or of another size; the first truth shows no object.
    """
    files = _pngs(pair.truth)
    if not pair.predicted.is_dir():
        raise ProtocolError(f"'{pair.name}' was not predicted: there is no such folder", path=pair.predicted)
    first = read_values(files[0])
    objects = [int(value) for value in np.unique(first) if value not in {0, 255}]
    binary = not objects and bool((first == 255).any())
    if not objects and not binary:
        raise ProtocolError("the first true label map shows no object", path=files[0], hint="Nothing can be scored")
    scored = files if ends else files[1:-1]
    if not scored:
        raise ProtocolError(
            f"{len(files)} frames leave none to score without the first and the last",
            path=pair.truth,
            hint="Use --ends to score those too",
        )

    def pairs() -> Iterator[tuple[NDArray[np.integer], NDArray[np.integer]]]:
        for number, file in enumerate(scored):
            ctx.step(number, len(scored), f"Scoring {pair.name}")
            found = pair.predicted / file.name
            if not found.is_file():
                raise ProtocolError("the label map of a frame is missing", path=found, hint="Every frame needs one")
            both = read_values(found), read_values(file)
            if both[0].shape != both[1].shape:
                sizes = [f"{values.shape[1]} x {values.shape[0]}" for values in both]
                raise ProtocolError(f"the label map is {sizes[0]} pixels, the true one {sizes[1]}", path=found)
            yield ((both[0] > 0).astype(np.uint8), (both[1] > 0).astype(np.uint8)) if binary else both

    return score_video(pairs(), [1] if binary else objects)


def _pngs(folder: Path) -> list[Path]:
    files = (path for path in folder.glob("*.png") if not path.name.startswith("."))
    return list(natsorted(files, key=lambda path: path.name))
