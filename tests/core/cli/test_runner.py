"""What every command has in common: exit codes, the JSON report, progress, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import counterpart.__main__
from counterpart.core.cli.process import EXIT_CANCELLED, EXIT_SOME_FAILED, EXIT_USAGE
from counterpart.core.cli.runner import EXIT_DONE, Outcome, run
from counterpart.core.errors import (
    ImageError,
    JobCancelledError,
    ModelNotInstalledError,
    OutputError,
    UsageError,
)
from counterpart.core.jobs import JobContext


def raising(error):
    def command(ctx):
        raise error

    return command


def good(ctx):
    return Outcome("two masks in out", {"count": 2})


def partly(ctx):
    ctx.fail(ImageError("the image is damaged", path="b.jpg", hint="Copy it again"))
    ctx.warn("only one image left")
    return Outcome("one mask in out", {"count": 1})


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (good, EXIT_DONE),
        (partly, EXIT_SOME_FAILED),
        (lambda ctx: Outcome("a check failed", failed=True), EXIT_SOME_FAILED),
        (raising(UsageError("no such facet")), EXIT_USAGE),
        (raising(ModelNotInstalledError("no weights")), EXIT_USAGE),
        (raising(OutputError("the disk is full", path="out")), EXIT_SOME_FAILED),
        (raising(JobCancelledError()), EXIT_CANCELLED),
        (raising(MemoryError()), EXIT_SOME_FAILED),
    ],
)
def test_exit_codes(command, code, capsys):
    assert run(command, name="x", as_json=False, quiet=True) == code
    captured = capsys.readouterr()
    assert captured.err or captured.out


def test_json_is_one_object_that_names_what_failed(capsys):
    run(partly, name="cosegment", as_json=True, quiet=True)
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["command"] == "cosegment"
    assert report["status"] == "failed"
    assert report["count"] == 1
    assert report["failed"] == [
        {"error": "the image is damaged", "file": "b.jpg", "hint": "Copy it again", "kind": "ImageError"}
    ]
    assert report["warnings"] == ["only one image left"]
    assert "b.jpg: the image is damaged. Copy it again" in captured.err


def test_a_fatal_error_is_in_the_json_too(capsys):
    assert run(raising(UsageError("no such facet", hint="Use key")), name="x", as_json=True, quiet=True) == 2
    assert json.loads(capsys.readouterr().out)["error"]["hint"] == "Use key"


def test_a_defect_is_called_one_and_shows_its_traceback(capsys):
    assert run(raising(ZeroDivisionError("oops")), name="x", as_json=False, quiet=True) == EXIT_SOME_FAILED
    error = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: oops" in error
    assert "Traceback" in error


def test_progress_goes_to_stderr_and_only_there(capsys):
    def slow(ctx: JobContext) -> Outcome:
        for done in range(1, 4):
            ctx.step(done, 3, "Encoding")
        return Outcome("done")

    run(slow, name="x", as_json=False, quiet=False)
    captured = capsys.readouterr()
    assert captured.out == "done\n"
    assert "Encoding" in captured.err


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.parametrize("steps", [True, False], ids=["between steps", "far from any step"])
def test_ctrl_c_ends_a_command_within_a_second_and_leaves_whole_files(tmp_path: Path, steps: bool):
    wait = "ctx.step(0, 0, 'working'); time.sleep(0.02)" if steps else "time.sleep(60)"
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from counterpart.core.cli.runner import run\n"
        "from counterpart.core.files import atomic_write, write_text\n"
        "out = Path(sys.argv[1])\n"
        "def command(ctx):\n"
        "    write_text(out / 'whole.txt', 'whole')\n"
        "    with atomic_write(out / 'half.bin') as handle:\n"
        "        handle.write(b'half')\n"
        "        print('ready', flush=True)\n"
        f"        while True: {wait}\n"
        "sys.exit(run(command, name='x', as_json=False, quiet=True))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert process.returncode == EXIT_CANCELLED
    assert "cancelled" in error
    assert [path.name for path in tmp_path.iterdir()] == ["whole.txt"]
    assert time.monotonic() - asked < 10  # only guards against hanging


def test_ctrl_c_while_the_commands_are_imported_ends_quietly(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("counterpart.core.cli.main", interrupted)
    assert counterpart.__main__.main() == 130
    assert capsys.readouterr().err == "cancelled\n"


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_a_step_that_does_not_end_is_cancelled_with_its_json_object():
    stuck = (
        "import sys, time\n"
        "from counterpart.core.cli.runner import run\n"
        "def command(ctx):\n"
        "    print('stuck', file=sys.stderr, flush=True)\n"
        "    time.sleep(20)\n"
        "run(command, name='parts', as_json=True, quiet=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", stuck], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stderr is not None
        assert process.stderr.readline() == "stuck\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
    assert process.returncode == EXIT_CANCELLED
    assert json.loads(out) == {"command": "parts", "status": "cancelled", "failed": [], "warnings": []}


@pytest.mark.parametrize("words", [["--json"], []])
def test_names_that_a_console_cannot_write_do_not_end_a_command(tmp_path, words):
    folder = tmp_path / "图 ü"
    folder.mkdir()
    command = [sys.executable, "-m", "counterpart", "statistics", str(folder / "图.counterpart"), *words]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == EXIT_SOME_FAILED
    assert "Traceback" not in done.stderr
    assert "\\u56fe" in done.stderr
    if words:
        assert json.loads(done.stdout)["error"]["file"] == str(folder / "图.counterpart")
