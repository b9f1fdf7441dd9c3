"""An editing process is killed at random moments: what it had shown as saved is there, and the file is sound.

The editor opens a project and plays random commands, undoing and redoing some; it prints the number of each step once
the document says that it is saved. After the kill the project is opened and compared, row by row and bit by bit, with
the same commands played on a copy: it must be at the last step shown, or on the way to the steps after it, which may
have been saved without there being time to show it. The next editor goes on with the project as it was left.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from counterpart.core.project.document import Document
from tests.core.project_tools import everything, filled, play

ROOT = Path(__file__).resolve().parents[2]
KILLS_OF_A_PROJECT = 20
SIGNAL = getattr(signal, "SIGKILL", signal.SIGTERM)


@dataclass
class Killed:
    """What became of an editor: the last step it showed as saved (-1 for none)."""

    last: int


def edit(path: Path, seed: int) -> None:
    """Play commands until killed."""
    document = Document.open(path)
    print("ready", flush=True)
    play(document, seed, 10_000, path.parent, lambda step: print(step, flush=True))


def kill_once(path: Path, seed: int, longest: float = 0.5) -> Killed:
    """Let an editor work on a project, kill it, and look at what it left.

    Raises:
        AssertionError: Something that was shown as saved is not there, or the file is damaged.
    """
    copy = path.with_name("replay.counterpart")
    shutil.copyfile(path, copy)
    rng = np.random.default_rng(seed)
    script = f"from pathlib import Path; from tests.soak.kill import edit; edit(Path({str(path)!r}), {seed})"
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as editor:
        assert editor.stdout is not None
        assert editor.stdout.readline() == "ready\n"
        time.sleep(float(rng.uniform(0, longest)))
        os.kill(editor.pid, SIGNAL)
        shown = [int(line) for line in editor.stdout.read().split("\n") if line.strip()]
    last = shown[-1] if shown else -1
    with Document.open(path) as document:
        assert not document.read_only, document.why_read_only
        connection = document._store._connection
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchone() is None
        found = everything(document)
    assert found in _states_from(copy, seed, last), f"seed {seed}: after step {last} something is lost"
    return Killed(last)


def _states_from(copy: Path, seed: int, last: int) -> list[dict]:
    """What the project may hold once step `last` was shown: then, and on the way to the steps that follow it."""
    with Document.open(copy) as document:
        states = [everything(document)]
        reached = [-1]

        def note(_change: object) -> None:
            if reached[0] >= last:
                states.append(everything(document))

        def show(step: int) -> None:
            reached[0] = step
            if step == last:
                states[:] = [everything(document)]

        document.subscribe(note)
        play(document, seed, last + 8, copy.parent, show)
    return states


def run(folder: Path, count: int, seed: int = 0, longest: float = 0.5) -> dict[str, object]:
    """Kill `count` editors, twenty on each project."""
    steps = []
    path = folder / "p.counterpart"
    for number in range(count):
        if number % KILLS_OF_A_PROJECT == 0:
            path.unlink(missing_ok=True)
            filled(Document.new(path), folder).close()
        steps.append(kill_once(path, seed + number, longest).last + 1)
    return {"kills": count, "steps_shown_as_saved": int(np.sum(steps)), "most_in_one_life": max(steps), "lost": 0}
