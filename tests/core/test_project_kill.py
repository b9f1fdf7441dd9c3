"""A program that is killed loses nothing that it had shown as saved."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from core.project.document import Document
from tests.core.project_tools import everything, filled, play

ROOT = Path(__file__).resolve().parents[2]
EDITOR = """
import sys
from pathlib import Path
from core.project.document import Document
from tests.core.project_tools import filled, play

path, seed = Path(sys.argv[1]), int(sys.argv[2])
document = filled(Document.new(path), path.parent)
print("ready", flush=True)
play(document, seed, 10_000, path.parent, lambda step: print(step, flush=True))
"""


def states_from(folder, seed, last):
    """What the project may hold once step `last` was shown: then, and on the way to the steps that follow it.

    The same commands are played elsewhere. The editor may have saved more than it had time to show.
    """
    document = filled(Document.new(folder / "replay.counterpart"), folder)
    states = [everything(document)]
    reached = [-1]

    def note(_change):
        if reached[0] >= last:
            states.append(everything(document))

    def show(step):
        reached[0] = step
        if step == last:
            states[:] = [everything(document)]

    document.subscribe(note)
    play(document, seed, last + 8, folder, show)
    document.close()
    return states


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_editor_loses_nothing_that_was_shown_as_saved(tmp_path, seed):
    path = tmp_path / "p.counterpart"
    rng = np.random.default_rng(1000 + seed)
    with subprocess.Popen(
        [sys.executable, "-c", EDITOR, str(path), str(seed)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as editor:
        assert editor.stdout.readline() == "ready\n"
        time.sleep(float(rng.uniform(0.05, 0.7)))
        os.kill(editor.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        shown = [int(line) for line in editor.stdout.read().split("\n") if line.strip()]
    last = shown[-1] if shown else -1
    with Document.open(path) as document:
        assert not document.read_only
        assert document._store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = everything(document)
    assert found in states_from(tmp_path, seed, last), f"after step {last} something is lost"
