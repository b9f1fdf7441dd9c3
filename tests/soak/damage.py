"""Project files are damaged at random: what can be read is right, what cannot is named, and the file is left alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from counterpart.core.errors import CounterpartError, OutputError, ProjectError
from counterpart.core.project.commands import AddImages, AddInstance, AddPart, Paint, ReplaceMasks, ReplaceMatches
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, MatchSet
from tests.core.project_tools import HW, filled, new_images

IMAGES = 40
KINDS = (
    "noise in a page",
    "zeros over pages",
    "bits flipped",
    "cut off",
    "pages exchanged",
    "the beginning",
    "emptied",
)


def sample(path: Path) -> bytes:
    """A project with labels, points and matches on many images."""
    rng = np.random.default_rng(0)
    with filled(Document.new(path), path.parent) as document:
        document.apply(AddImages(new_images(path.parent / "more", IMAGES)))
        for image in document.image_ids:
            noise = rng.choice(4, (30, 27)).astype(np.uint8)
            document.apply(ReplaceMasks({image: np.kron(noise, np.ones((10, 10), np.uint8))}))
            document.apply(AddInstance(image, KeypointSet.make(rng.random((3, 2)) * 100)))
        pairs = zip(document.image_ids, document.image_ids[1:], strict=False)
        document.apply(
            ReplaceMatches([MatchSet.make(a, b, rng.random((30, 2)), rng.random((30, 2))) for a, b in pairs])
        )
    return path.read_bytes()


def damaged(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """A kind of damage, and what it makes of a file."""
    kind = str(rng.choice(KINDS))
    out = bytearray(data)
    size = int.from_bytes(data[16:18], "big")
    pages = len(data) // size
    start = int(rng.integers(1, pages)) * size
    if kind == "noise in a page":
        out[start : start + size] = rng.bytes(size)
    elif kind == "zeros over pages":
        length = int(rng.integers(1, 5)) * size
        out[start : start + length] = bytes(len(out[start : start + length]))
    elif kind == "bits flipped":
        for place in rng.integers(100, len(data), int(rng.integers(1, 50))):
            out[place] ^= 1 << int(rng.integers(0, 8))
    elif kind == "cut off":
        del out[int(rng.integers(0, len(data))) :]
    elif kind == "pages exchanged":
        other = int(rng.integers(1, pages)) * size
        out[start : start + size], out[other : other + size] = data[other : other + size], data[start : start + size]
    elif kind == "the beginning":
        out[: int(rng.integers(1, 100))] = b""
    else:
        out.clear()
    return kind, bytes(out)


def truth(path: Path) -> dict[int, np.ndarray]:
    """The labels of every image."""
    with Document.open(path, read_only=True) as document:
        return {image: label_map.labels for image in document.image_ids if (label_map := document.label_map(image))}


def look(path: Path, right: dict[int, np.ndarray]) -> str:
    """Open a damaged project, read all of it, try to change it and to save what is left under another name.

    Raises:
        AssertionError: Wrong labels without a word, an error without a hint, a damaged file written over, or a
            rescued project that is not sound.
    """
    before = path.read_bytes()
    rescued = path.with_name("rescued.counterpart")
    try:
        document = Document.open(path)
    except ProjectError as error:
        assert error.hint
        assert path.read_bytes() == before
        return f"refused: {error.what[:60]}"
    with document:
        readable = 0
        for image in document.image_ids:
            try:
                found = document.label_map(image)
                document.keypoints(image)
                document.matches_of(image)
                document.part_states(image)
                document.packed_labels(image)
                document.touched(image)
                document.image_path(image)
            except ProjectError as error:
                assert error.hint
                assert "image " in error.what, f"the image is not named: {error}"
                continue
            readable += 1
            if image in right and not document.problems:
                assert found is None or found.hw != HW or np.array_equal(found.labels, right[image])
        told = bool(document.problems)
        assert not document.problems or document.read_only
        try:
            document.apply(AddPart("new"))
            if document.image_ids:
                document.apply(Paint(document.image_ids[0], 1, (0, 0, 9, 9), np.ones((9, 9), np.bool_)))
        except (ProjectError, OutputError) as error:
            assert error.hint
        unwritten = document.read_only or not document.saved.saved
        try:
            document.save_as(rescued, overwrite=True)
        except CounterpartError as error:
            assert error.hint
            return "opened, not rescued"
        connection = document._store._connection
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchone() is None
    if told:
        assert unwritten
        assert path.read_bytes() == before, "a damaged file was written over"
    return f"{'read-only' if told else 'usable'}, {'all' if readable == IMAGES + 3 else 'some'} images"


def run(folder: Path, count: int, seed: int = 0) -> dict[str, object]:
    """Damage a project `count` times, each time afresh."""
    path = folder / "a.counterpart"
    data = sample(path)
    right = truth(path)
    results: Counter[str] = Counter()
    rng = np.random.default_rng(seed)
    for number in range(count):
        for left in folder.glob("a.counterpart*"):
            left.unlink()
        kind, broken = damaged(data, rng)
        path.write_bytes(broken)
        try:
            results[look(path, right)] += 1
        except BaseException as error:
            error.add_note(f"damage {number} of seed {seed}: {kind}")
            raise
    return {"damaged": count, **dict(sorted(results.items()))}
