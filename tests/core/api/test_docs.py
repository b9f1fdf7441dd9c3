"""The page on the Python API says what is so: its examples are run."""

import doctest
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WITHOUT_MODEL, HEADING, WITH_MODEL = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").partition("## With a model")
START = ">>> import counterpart\n"


@pytest.fixture
def samples(tmp_path, monkeypatch):
    """A copy of the sample photographs, as the current folder."""
    folder = tmp_path / "samples"
    shutil.copytree(ROOT / "resources" / "samples", folder)
    (folder / "out").mkdir()
    monkeypatch.chdir(folder)


def _run(page: str) -> None:
    test = doctest.DocTestParser().get_doctest(page, {}, "docs/api.md", "docs/api.md", 0)
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF | doctest.ELLIPSIS)
    said: list[str] = []
    runner.run(test, out=said.append)
    assert runner.tries > 3
    assert runner.failures == 0, "".join(said)


def test_examples_on_projects_hold(samples):
    _run(WITHOUT_MODEL)


def test_examples_with_a_model_hold(samples, focus_model):
    assert HEADING
    _run(START + WITH_MODEL)
