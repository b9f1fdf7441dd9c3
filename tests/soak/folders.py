"""Folders as nobody tidies them: links in circles, pipes, sockets, names in unknown encodings, files that change.

Every tangle is searched to its end. And a project of photographs that are replaced between any two commands never has
labels of another size than its record, whatever is drawn, scaled, given up, undone or exported.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from counterpart.core.errors import CounterpartError, UsageError
from counterpart.core.formats import ExportOptions, export_project
from counterpart.core.images.finding import find_images, search_images
from counterpart.core.images.reading import image_size
from counterpart.core.jobs import silent
from counterpart.core.project.commands import AddPart, Paint, RemoveImages, ReplaceMasks, SetLabels, TakeReplacements
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from counterpart.core.project.relink import learn_facts

SECONDS = 20
SIZES = [(30, 40), (60, 80), (15, 20), (40, 30), (30, 41)]
NAMES = [b"a.jpg", b"b.PNG", b"c.txt", b".hidden.jpg", b"notes", "ünï 图.jpg".encode(), b"n\nl.jpg"]
NAMES += [b"caf\xe9.jpg", b"\xff\xfe.png"]
"""The last two are no text."""


def _hangs(_number: int, _frame: object) -> None:
    raise TimeoutError(f"it takes longer than {SECONDS} s")


def photograph(path: Path, rng: random.Random) -> None:
    """A small picture of a random size and colour, put in place at once or written over what was there."""
    hw = rng.choice(SIZES)
    rgb = np.full((*hw, 3), rng.randrange(256), np.uint8)
    beside = path.with_name("beside.tmp") if rng.random() < 0.5 else path
    with beside.open("wb") as file:
        Image.fromarray(rgb).save(file, "PNG")
    if beside != path:
        beside.replace(path)


def tangle(root: Path, rng: random.Random) -> None:
    """Fill a folder with folders, links between them and upwards, and whatever may lie in a folder."""
    folders = [root]
    for number in range(rng.randrange(2, 8)):
        folder = rng.choice(folders) / f"f{number}"
        folder.mkdir()
        folders.append(folder)
    photograph(root / "there.png", rng)
    for number in range(rng.randrange(4, 30)):
        folder = rng.choice(folders)
        kind = rng.choice(["file", "file", "link", "link", "up", "pipe", "socket", "device", "nowhere", "self"])
        place = os.path.join(os.fsencode(folder), b"%d" % number + rng.choice(NAMES))  # noqa: PTH118
        with contextlib.suppress(FileExistsError):
            if kind == "file":
                with contextlib.suppress(OSError), open(place, "wb") as file:  # noqa: PTH123
                    file.write(b"x")
            elif kind == "link":
                os.symlink(os.fsencode(rng.choice(folders)), place)  # noqa: PTH211
            elif kind == "up":
                os.symlink(rng.choice([b".", b"..", b"../..", b"/", os.fsencode(root.parent)]), place)  # noqa: PTH211
            elif kind == "pipe":
                os.mkfifo(place)
            elif kind == "socket":
                with (
                    socket.socket(socket.AF_UNIX) as listener,
                    contextlib.suppress(OSError),
                ):  # the path may be too long
                    listener.bind(place)
            elif kind == "device":
                os.symlink(b"/dev/zero", place)  # noqa: PTH211
            else:
                os.symlink(b"nowhere" if kind == "nowhere" else os.path.basename(place), place)  # noqa: PTH119, PTH211


def search(root: Path, rng: random.Random, counts: Counter[str]) -> None:
    """Search a tangle in several ways: each real file once, only regular ones, with names that can be written."""
    pattern = rng.choice(["", "**", "**/*.png", "*", "f*/**"])
    try:
        found = search_images([root / pattern] if not pattern else [f"{root}/{pattern}"])
    except UsageError:
        counts["nothing found"] += 1
        return
    real = [os.path.realpath(ref.path) for ref in found.refs]
    assert len(set(real)) == len(real), "a file was found twice"
    assert all(os.path.isfile(path) for path in real), "what is no file was taken for an image"  # noqa: PTH113
    for ref in found.refs:
        ref.name.encode()
    str(found.left_out.problems).encode()
    assert len({ref.name for ref in found.refs}) == len(found.refs)
    if pattern in {"", "**", "**/*.png", "*"}:
        assert "there.png" in {ref.name for ref in found.refs}
    with Document.untitled() as document:
        document.add_images(found.refs)
        assert document.saved.saved
    counts["searched"] += 1


def replace_and_work(folder: Path, rng: random.Random, counts: Counter[str]) -> None:
    """Photographs are replaced between commands; labels always have the size of their image's record."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    for name in ("a.png", "b.png", "c.png"):
        photograph(photos / name, rng)
    with Document.new(folder / "p.counterpart") as document:
        document.add_images(find_images([photos]))
        document.apply(AddPart("head"))
        history = History(document)
        _learn(document)
        for _ in range(60):
            if rng.random() < 0.4:
                photograph(photos / rng.choice(("a.png", "b.png", "c.png")), rng)
            if rng.random() < 0.5:
                _learn(document)
            _act(document, history, rng, counts)
            _check(document)
        _export(document, folder, counts)
        while history.undo():
            _check(document)
        while history.redo():
            pass
        _check(document)
        assert document.saved.saved


def _learn(document: Document) -> None:
    records = [(record, document.image_path(record.id)) for record in document.images()]
    document.note_facts(learn_facts(records, silent()))


def _act(document: Document, history: History, rng: random.Random, counts: Counter[str]) -> None:
    if not document.image_ids:
        history.undo()
        return
    image = rng.choice(document.image_ids)
    file_hw = image_size(document.image_path(image))
    mask = np.ones((5, 6), np.bool_)
    command = rng.choice(
        [
            Paint(image, 1, (1, 2, 6, 8), mask, file_hw),
            Paint(image, 1, (1, 2, 6, 8), mask),
            SetLabels(image, (0, 0, 5, 6), mask.astype(np.uint8), hw=file_hw),
            ReplaceMasks({image: np.ones(file_hw, np.uint8)}),
            TakeReplacements(list(document.asides()), rng.random() < 0.5),
            RemoveImages([image]),
            None,
        ]
    )
    aside = document.aside(image) is not None
    try:
        done = history.undo() if command is None else history.push(command)
    except UsageError as error:
        counts["refused: aside" if "another picture now" in str(error) else "refused"] += 1
        return
    if aside and done and isinstance(command, (Paint, SetLabels, ReplaceMasks)):
        raise AssertionError(f"{command.text!r} drew on an image whose labels lie aside")
    counts["done"] += done


def _check(document: Document) -> None:
    for record in document.images():
        found = document.label_map(record.id)
        if found is not None and min(record.hw) > 0:
            assert found.hw == record.hw, f"{record.name}: labels {found.hw}, record {record.hw}"


def _export(document: Document, folder: Path, counts: Counter[str]) -> None:
    """Whatever an export pairs has one size."""
    try:
        export_project(document, "indexed-png", folder / "out", ExportOptions(), silent())
    except CounterpartError:
        return
    for record in document.images():
        mask = folder / "out" / f"{record.name.removesuffix('.png')}.png"
        if mask.exists() and document.label_map(record.id) is not None:
            assert image_size(mask) == image_size(document.image_path(record.id)), f"{record.name}: sizes differ"
            counts["exported"] += 1


def run(folder: Path, count: int, seed: int = 0) -> dict[str, object]:
    """Make and search `count` tangles, and work on as many projects whose photographs are replaced.

    Raises:
        AssertionError: Something was wrong, or went on for ever.
    """
    counts: Counter[str] = Counter()
    signal.signal(signal.SIGALRM, _hangs)
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        place = folder / "t"
        place.mkdir()
        signal.alarm(SECONDS)
        try:
            (place / "root").mkdir()
            tangle(place / "root", rng)
            search(place / "root", rng, counts)
            replace_and_work(place / "work", rng, counts)
        except BaseException as error:
            error.add_note(f"seed {seed}, number {number}")
            raise
        finally:
            signal.alarm(0)
        shutil.rmtree(place)
    return {"folders": count, **dict(counts)}
