"""However a command ends: an exit code, one line on stderr, JSON where it was asked for, and nothing half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpart.core.cli import main, process
from counterpart.core.images.finding import find_images
from counterpart.core.project.commands import AddPart, ReplaceMasks
from counterpart.core.project.document import Document

ROOT = Path(__file__).resolve().parents[2]
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals, pipes and limits of POSIX")
RUN = [sys.executable, "-m", "counterpart"]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (40, 30)).save(tmp_path / "images" / f"{name}.png")
    with Document.new(tmp_path / "p.counterpart") as document:
        images = document.add_images(find_images([tmp_path / "images"]))
        document.apply(AddPart("wing"))
        document.apply(ReplaceMasks(dict.fromkeys(images, np.ones((30, 40), np.uint8))))
    return tmp_path / "p.counterpart"


def lines(text):
    return [line for line in text.splitlines() if line]


# Streams --------------------------------------------------------------------------------------------------------------


def shell(script, **environment):
    """What a POSIX shell says of `script`, in which $C is the command line."""
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "C": f"{sys.executable} -m counterpart", **environment},
    )
    return done.stdout.split(), lines(done.stderr)


@POSIX
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["--help", "statistics $P", "statistics $P --json"])
def test_a_reader_that_goes_away_ends_a_command_as_it_ends_cat(project, words, unbuffered):
    said, errors = shell(f"$C {words} | true; echo ${{PIPESTATUS[0]}}", P=str(project), PYTHONUNBUFFERED=unbuffered)
    assert said == ["141"]
    assert errors == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
@pytest.mark.parametrize("words", ["--help", "--version", "statistics $P", "statistics $P --json"])
def test_a_report_that_cannot_be_written_is_an_error(project, words, where):
    said, errors = shell(f"$C {words} {where}; echo $?", P=str(project))
    assert said == ["1"]
    assert len(errors) == 1
    assert "the report could not be written" in errors[0]


@POSIX
def test_a_stderr_that_is_closed_or_gone_changes_nothing_else(project):
    for script, code in (
        ("$C statistics none.counterpart --json 2>&-; echo $?", "1"),
        ("$C statistics $P --json 2>/dev/full; echo $?", "0"),
        ("$C statistics $P --json <&- 2>&-; echo $?", "0"),
    ):
        said, _ = shell(script, P=str(project))
        assert said[-1] == code
        assert json.loads(" ".join(said[:-1]))["status"] == ("done" if code == "0" else "failed")


@POSIX
def test_a_closed_stdout_does_not_get_the_text_of_a_file(project):
    """The next file that is opened would have the number of stdout, and be written into by whatever prints."""
    before = project.read_bytes()
    out = project.with_name("out.json")
    _, errors = shell(f"$C export $P --format coco --out {out} --quiet >&- <&-", P=str(project))
    assert "the report could not be written" in errors[0]
    json.loads(out.read_text())
    assert project.read_bytes() == before


# Arguments ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "command", "says"),
    [
        (["export", "--json"], "export", "required"),
        (["statistics", "p", "--nonsense", "--json"], "statistics", "--nonsense"),
        (["models", "import", "--json"], "models", "FILE"),
        (["nonsense", "--json"], "", "nonsense"),
        (["parts", "x", "--json", "--parts", "many", "--out", "o"], "parts", "many"),
    ],
)
def test_wrong_arguments_are_said_in_json_too(capsys, words, command, says):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == process.EXIT_USAGE
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert (report["command"], report["status"]) == (command, "usage")
    assert says in report["error"]["error"]
    assert says in said.err


LONG = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        ["statistics", f"{LONG}.counterpart"],
        ["export", "p.counterpart", "--format", "coco", "--out", f"{LONG}.json"],
        ["export", "p.counterpart", "--format", "voc", "--out", LONG],
        ["export", "p.counterpart", "--format", "coco", "--out", f"{LONG}/{LONG}/a.json"],
        ["import", "images", "--format", "indexed-png", "--project", f"{LONG}.counterpart"],
        ["import", LONG, "--project", "q.counterpart"],
        ["check", f"{LONG}.json"],
        ["match", "images/a.png", LONG, "--out", "o.json"],
        ["parts", LONG, "--out", "o"],
        ["parts", "images", "--out", LONG],
        ["frames", LONG, "--out", "o"],
        ["models", "import", LONG],
        ["evaluate", "keypoints", LONG],
    ],
)
def test_a_name_that_is_too_long_is_one_line(project, capsys, monkeypatch, words):
    monkeypatch.chdir(project.parent)
    before = sorted(path.name for path in project.parent.iterdir())
    assert main([*words, "--json", "--quiet"]) in (1, 2)
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["error"]
    assert len(lines(said.err)) == 1
    assert "Traceback" not in said.err
    assert [name for name in sorted(path.name for path in project.parent.iterdir()) if "-" not in name] == before


# Memory ---------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_too_little_memory_is_one_line(project):
    """Already for loading what a command needs."""
    said, errors = shell("ulimit -v 70000; $C statistics $P --json; echo $?", P=str(project))
    assert said[-1] == "1"
    assert json.loads(" ".join(said[:-1]))["status"] == "failed"
    assert len(errors) == 1
    assert "memory" in errors[0]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("can't start new thread"),
        ImportError("libopenblas.so: failed to map segment from shared object"),
    ],
)
def test_every_library_s_words_for_a_lack_of_memory_are_known(error):
    assert "memory" in str(process.from_outside(error))


def test_what_is_no_lack_of_memory_and_names_no_file_is_a_defect():
    for error in (RuntimeError("shapes differ"), OSError(22, "Invalid argument"), KeyError("allocate memory")):
        assert process.from_outside(error) is None


# Signals --------------------------------------------------------------------------------------------------------------

WORKING = """
import sys, time
from pathlib import Path
from counterpart.core.cli import process
from counterpart.core.cli.runner import Outcome, run
from counterpart.core.files import atomic_folder, atomic_write
out, how = Path(sys.argv[1]), sys.argv[2]
def command(ctx):
    with atomic_write(out / "half.bin") as handle, atomic_folder(out / "folder") as folder:
        handle.write(b"half")
        (folder / "half.txt").write_text("half")
        print("ready", file=sys.stderr, flush=True)
        for _ in range(1000):
            if how == "steps":
                ctx.step(0, 0, "working")
            time.sleep(0.01)
    return Outcome("done")
sys.exit(process.ended(lambda: run(command, name="x", as_json=True, quiet=True), None))
"""


LISTENING = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)"
"""Whoever runs the tests under nohup has the signal ignored, and so have their children."""


@POSIX
@pytest.mark.parametrize("how", ["steps", "far from any step"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_command_with_its_code_one_line_and_json(tmp_path, name, how):
    with subprocess.Popen(
        [sys.executable, "-c", LISTENING + WORKING, str(tmp_path), how],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == "ready\n"
        running.send_signal(getattr(signal, name))
        out, errors = running.communicate(timeout=20)
    assert running.returncode == 128 + getattr(signal, name)
    assert lines(errors) == ["cancelled" if name == "SIGINT" else f"ended by {name}"]
    assert json.loads(out)["status"] == "cancelled"
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_what_nohup_has_a_process_ignore_stays_ignored(tmp_path):
    code = "import signal, os, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); exec(sys.argv.pop(1))"
    with subprocess.Popen(
        [sys.executable, "-c", code, WORKING, str(tmp_path), "steps"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == "ready\n"
        running.send_signal(signal.SIGHUP)
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=20)
    assert running.returncode == 143
