"""Benchmarks and accuracy tables run, each in its quick mode; that the long runs do is in `core/test_soak.py`."""

import gc
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.quality.__main__ import QUICK, main

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = sorted(path.stem.removeprefix("bench_") for path in (ROOT / "tests" / "bench").glob("bench_*.py"))
WINDOWS = {"canvas", "walking"}
"""These make an application of their own, so they get a process of their own; the others share the loaded torch."""


@pytest.fixture
def undisturbed(monkeypatch):
    """What benchmarks set for the whole process is as it was afterwards."""
    import torch

    threads = torch.get_num_threads()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    yield
    torch.set_num_threads(threads)
    gc.enable()


@pytest.mark.parametrize("name", sorted(set(BENCHMARKS) - WINDOWS))
def test_a_benchmark_runs(name, undisturbed, capsys):
    assert not importlib.import_module(f"tests.bench.bench_{name}").main(["--quick"])
    assert any(character.isdigit() for character in capsys.readouterr().out)


@pytest.mark.parametrize("name", sorted(WINDOWS))
def test_a_benchmark_of_the_window_runs(name):
    command = [sys.executable, "-m", "tests.bench", name, "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")  # of what few faces do not show
@pytest.mark.parametrize("name", QUICK)
def test_an_accuracy_table_runs(name, capsys):
    assert main([name, "--quick"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(rows) > 2, "a heading and at least one row"


def test_every_accuracy_table_is_known_to_the_command():
    others = {"__init__", "__main__", "drawn"}
    assert {path.stem for path in (ROOT / "tests" / "quality").glob("*.py")} - others == set(QUICK)
