"""An export is killed at random moments: the folder is the old or the new, and nobody else's file was touched.

Where a person's own files lie in the folder, each of ours is the old or the new, and the next export makes it whole.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from counterpart.core.files import MANIFEST, atomic_folder
from tests.soak.kill import ROOT, SIGNAL

FILES = 12
LONGEST_S = 0.1
"""A process is killed within so many seconds of its exports."""


def export(target: Path, turn: int) -> None:
    """Write one of two sets of files, which have half of their names in common and no content."""
    with atomic_folder(target) as folder:
        for number in range(turn * FILES // 2, turn * FILES // 2 + FILES):
            place = folder / f"sub{number % 3}" / f"{number}.txt"
            place.parent.mkdir(exist_ok=True)
            place.write_text(f"turn {turn}, file {number}")


def keep_exporting(target: Path) -> None:
    """Export the one set, then the other, until killed."""
    for turn in range(1_000_000):
        export(target, turn % 2)
        if turn == 1:
            print("ready", flush=True)


def contents(folder: Path) -> dict[str, str]:
    """Text of every file of a folder, by name."""
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def kill_once(folder: Path, rng: np.random.Generator, strangers: dict[str, str]) -> bool:
    """Kill an export into a folder; whether it was met between the old and the new.

    Raises:
        AssertionError: A file is neither the old nor the new, a stranger's was touched, or something is left over.
    """
    target = folder / "export"
    whole = [contents_of(folder / "whole", turn) for turn in (0, 1)]
    script = "import sys; from pathlib import Path; from tests.soak.exports import keep_exporting;"
    script += "keep_exporting(Path(sys.argv[1]))"
    command = [sys.executable, "-c", script, str(target)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as exporter:
        assert exporter.stdout is not None
        assert exporter.stdout.readline() == "ready\n"
        time.sleep(float(rng.uniform(0, LONGEST_S)))
        exporter.send_signal(SIGNAL)
    found = contents(target)
    assert {name: found.pop(name) for name in strangers} == strangers, "a stranger's file was touched"
    mixed = found not in whole
    assert strangers or not mixed, "the folder is neither the old nor the new"
    for name in set(found) - {MANIFEST}:
        assert found[name] in [each.get(name) for each in whole], f"{name} is neither the old nor the new"
    export(target, 0)
    assert contents(target) == {**whole[0], **strangers}, "the next export did not make it whole"
    assert [path for path in folder.iterdir() if path.suffix == ".tmp"] == [], "something is left over"
    return mixed


def contents_of(place: Path, turn: int) -> dict[str, str]:
    """What an export of one of the sets holds."""
    export(place / str(turn), turn)
    return contents(place / str(turn))


def run(folder: Path, count: int, seed: int = 0) -> dict[str, object]:
    """Kill `count` exports, every second one into a folder with a person's own files."""
    rng = np.random.default_rng(seed)
    mixed = 0
    for number in range(count):
        place = folder / str(number)
        strangers = {} if number % 2 else {"mine.txt": "mine", "sub1/notes.txt": "mine too"}
        for name, text in strangers.items():
            path = place / "export" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        mixed += kill_once(place, rng, strangers)
    return {"killed": count, "between_old_and_new_beside_a_person_s_files": mixed}
