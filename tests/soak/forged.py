"""Project files in which anybody has put anything: single bits, values that nobody wrote, triggers, views.

SQLite finds nothing wrong with most of them. Each is opened, read, worked on and saved under another name; what comes
of it is an error with its file and what to do, or a project; never another exception, or a hang.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from counterpart.core.errors import CounterpartError, OutputError, ProjectError
from counterpart.core.formats import FORMATS, ExportOptions, export_project
from counterpart.core.jobs import silent
from counterpart.core.project.commands import (
    AddImages,
    AddInstance,
    AddPart,
    NewImage,
    NoteSettings,
    Paint,
    ReplaceMasks,
    ReplaceMatches,
)
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from counterpart.core.project.points import KeypointSet, MatchSet
from counterpart.core.project.schema import TABLES
from counterpart.core.project.statistics import set_statistics
from tests.core.project_tools import filled

SECONDS = 20
DEEP = "[" * 200_000
INTEGERS = (-1, 0, 1, 2, 256, 70_000, 2**31 - 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1, -(2**63))
REALS = (float("inf"), -float("inf"), 1e308, -1.0, 0.0, None)
TEXTS = ("", "\0", "a\0b", "x" * 100_000, DEEP, "{" * 10, "null", "NaN", "1e999", "[[[]]]", "{}", "[1, 2, 3, 1e400]")
TEXTS += ("../../..", "/dev/zero", "/", "//x/y", "C:\\x", "\n", "\u202e", "\ud7ff", "9" * 5000, '{"names": 3}', "true")
BLOBS = (b"", b"\0", b"\xff" * 13, bytes(100_000), b"\xff\xff\xff\xff" * 4)
KEYS = {"settings": "key", "counters": "name"}
SKELETON = {"names": ["a", "b"], "edges": [[0, 1]], "colours": ["#ff0000", "#00ff00"], "mirror_pairs": [], "name": "s"}
FOREIGN = (
    "CREATE TRIGGER t BEFORE INSERT ON {0} BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER t BEFORE UPDATE ON {0} BEGIN SELECT RAISE(FAIL, 'no'); END",
    "CREATE TRIGGER t AFTER INSERT ON {0} BEGIN DELETE FROM {0}; END",
    "CREATE TRIGGER t AFTER DELETE ON {0} BEGIN SELECT randomblob(100000000); END",
    "DROP TABLE {0}; CREATE VIEW {0} AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT x FROM n",
    "CREATE INDEX i ON {0} (hex(zeroblob(100000)))",
    "CREATE VIRTUAL TABLE v USING fts5(x)",
    "ALTER TABLE {0} ADD COLUMN x AS (1)",
)


def sample(path: Path) -> bytes:
    """A small project with something in every table."""
    with filled(Document.new(path), path.parent) as document:
        for image in document.image_ids:
            document.apply(ReplaceMasks({image: np.kron(np.eye(10, 9), np.ones((30, 30))).astype(int)}))
            document.apply(AddInstance(image, KeypointSet.make(np.ones((3, 2)), box=(1, 2, 3, 4))))
            document.apply(Paint(image, 2, (0, 0, 9, 9), np.ones((9, 9), np.bool_)))
        document.apply(ReplaceMatches([MatchSet.make(1, 2, np.ones((3, 2)), np.ones((3, 2)))]))
        document.apply(NoteSettings({"image": 1, "k": 4}))
    return path.read_bytes()


def forge(path: Path, rng: np.random.Generator) -> str:
    """Change a project file as nobody who means well does; what was done."""
    kind = rng.choice(["bit", "value", "value", "value", "row", "skeleton", "foreign"])
    if kind == "bit":
        data = bytearray(path.read_bytes())
        place = int(rng.integers(len(data)))
        data[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        return f"bit in byte {place}"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        table = TABLES[str(rng.choice(list(TABLES)))]
        if kind == "foreign":
            script = str(rng.choice(FOREIGN)).format(table.name)
            connection.executescript(script)
            return script
        if kind == "skeleton":
            field, value = str(rng.choice(list(SKELETON))), json.loads(_odd_json(rng))
            data = {**SKELETON, "point_ids": [1, 2], field: value}
            connection.execute("UPDATE skeletons SET definition = ?", (json.dumps(data),))
            return f"skeleton with {field} {value!r:.60}"
        column = str(rng.choice(table.all_columns))
        value = _odd(rng, table.declared()[column])
        with contextlib.suppress(sqlite3.IntegrityError):
            if kind == "row":
                values = [_odd(rng, declared) for declared in table.declared().values()]
                marks = ", ".join("?" * len(values))
                connection.execute(f"INSERT INTO {table.name} VALUES ({marks})", values)
            else:
                some = " WHERE rowid % 2" if "WITHOUT" not in table.options and rng.random() < 0.5 else ""
                connection.execute(f"UPDATE {table.name} SET {column} = ?{some}", (value,))
        return f"{kind} {table.name}.{column} = {value!r:.60}"


def _odd(rng: np.random.Generator, declared: str) -> object:
    """A value that SQLite takes for a column: mostly of its type."""
    pools: dict[str, tuple[object, ...]] = {"INTEGER": INTEGERS, "REAL": REALS, "TEXT": TEXTS, "BLOB": BLOBS}
    pool = pools[declared if rng.random() < 0.8 else str(rng.choice(list(pools)))]
    return pool[int(rng.integers(len(pool)))]


def _odd_json(rng: np.random.Generator) -> str:
    odd = ["null", "3", '"x"', "[]", "[[0, 9]]", '["", ""]', "[-1, 2]", '{"a": 1}', "[null]", "[[0]]", "[1e999, 1]"]
    return str(rng.choice(odd))


@contextlib.contextmanager
def within(seconds: int) -> Iterator[None]:
    """Raise a `TimeoutError` in what takes longer, where the system has alarms."""

    def hangs(_number: int, _frame: object) -> None:
        raise TimeoutError(f"it takes longer than {seconds} s")

    if not hasattr(signal, "alarm"):
        yield
        return
    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def live(path: Path, folder: Path) -> str:
    """Open, read, change, export and save a project, taking every `CounterpartError` for an answer.

    Raises:
        AssertionError: An error does not say what to do, or a project that was changed is not sound.
    """
    try:
        document = Document.open(path)
    except ProjectError as error:
        assert error.hint
        assert error.path is not None
        return "refused"
    troubles = 0
    with document:
        steps = [lambda image=image: _look(document, image) for image in document.image_ids[:6]]
        steps += [lambda: set_statistics(document), document.all_part_states, document.match_pairs]
        steps.append(lambda: json.dumps(dict(document.settings)))
        history = History(document)
        steps.append(lambda: history.push(AddPart("new")))
        steps.append(lambda: history.push(AddImages([NewImage(folder / "new.jpg", "new.jpg")])))
        for image in document.image_ids[:4]:
            for part in [part.id for part in document.parts][:2]:
                stroke = Paint(image, part, (0, 0, 9, 9), np.ones((9, 9), np.bool_))
                steps.append(lambda stroke=stroke: history.push(stroke))
            for skeleton in [each.id for each in document.skeletons][:1]:
                points = KeypointSet.make(np.ones((len(document.skeleton(skeleton)), 2)), skeleton=skeleton)
                steps.append(lambda image=image, points=points: history.push(AddInstance(image, points)))
        steps += [history.undo, history.undo, history.redo, document.save]
        for name in ("npz", "coco", "csv"):
            out = folder / f"out-{name}{FORMATS[name].suffix}"
            steps.append(lambda name=name, out=out: export_project(document, name, out, ExportOptions(), silent()))
        for step in steps:
            try:
                step()
            except CounterpartError as error:
                assert str(error)
                troubles += 1
        known = bool(document.problems)
        with contextlib.suppress(CounterpartError):
            document.save_as(folder / "saved.counterpart", overwrite=True)
            assert document._store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return "damaged" if known else "troubled" if troubles else "usable"


def _look(document: Document, image: int) -> None:
    document.label_map(image)
    document.packed_labels(image)
    document.touched(image)
    document.part_states(image)
    for points in document.keypoints(image):
        document.instance(points.instance)
    document.matches_of(image)
    document.image_path(image).exists()
    document.image_ref(image)


def run(folder: Path, count: int, seed: int = 0) -> dict[str, object]:
    """Forge a project `count` times, each time afresh."""
    path = folder / "a.counterpart"
    data = sample(path)
    results: Counter[str] = Counter()
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        for left in folder.glob("a.counterpart*"):
            left.unlink()
        path.write_bytes(data)
        what = forge(path, rng)
        try:
            with within(SECONDS), contextlib.suppress(OutputError):
                results[live(path, folder)] += 1
        except BaseException as error:
            error.add_note(f"number {number} of seed {seed}: {what}")
            raise
    return {"forged": count, **dict(sorted(results.items()))}
