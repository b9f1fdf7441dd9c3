"""A disk that is full, or a project that lets nothing in: every command that writes says so, and claims nothing."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpart.core.cli import main
from counterpart.core.images.finding import find_images
from counterpart.core.project.commands import AddPart, ReplaceMasks
from counterpart.core.project.document import Document
from tests.core.project_tools import everything

ROOT = Path(__file__).resolve().parents[2]
LIMITED = """
import resource, sys
from counterpart.core.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def masks(tmp_path):
    """Twelve photographs, and noise that takes 10 KB each as their labels."""
    rng = np.random.default_rng(0)
    for folder in ("photos", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(12):
        Image.new("RGB", (200, 200)).save(tmp_path / "photos" / f"{number}.jpg")
        labels = Image.fromarray(rng.integers(0, 4, (200, 200)).astype(np.uint8), "P")
        labels.putpalette(bytes(range(12)))
        labels.save(tmp_path / "masks" / f"{number}.png")
    return tmp_path / "masks"


def on_a_small_disk(limit, *words):
    """Run a command in a process that may make no file larger than `limit` bytes."""
    command = [sys.executable, "-c", LIMITED, str(limit), *map(str, words), "--json", "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout), done.stderr


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("limit", [100, 20_000, 110_000])
def test_an_import_that_does_not_fit_on_the_disk_is_an_error_and_takes_nothing_over(tmp_path, masks, exists, limit):
    project = tmp_path / "here" / "p.counterpart"
    project.parent.mkdir()
    if exists:
        with Document.new(project) as document:
            document.add_images(find_images([tmp_path / "photos"]))
            before = everything(document)
    words = ("import", masks, "--root", tmp_path / "photos", "--project", project)
    code, report, errors = on_a_small_disk(limit, *words)
    assert code == 1
    assert report["status"] == "failed"
    assert "images" not in report
    assert report["error"]["file"] == str(project)
    assert report["error"]["hint"]
    assert "Traceback" not in errors
    assert len(errors.splitlines()) == 1
    left = {path.name for path in project.parent.iterdir()}
    assert left <= {project.name, *(project.name + suffix for suffix in ("-wal", "-shm"))} if exists else left == set()
    if exists:
        with Document.open(project) as document:
            assert everything(document) == before
    assert main([*map(str, words), "--quiet"]) == 0


FOREIGN = [
    "CREATE TRIGGER t BEFORE INSERT ON label_tiles BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER t AFTER INSERT ON label_tiles BEGIN DELETE FROM label_tiles; END",
    "CREATE TRIGGER t BEFORE UPDATE ON counters BEGIN SELECT RAISE(FAIL, 'no'); END",
    "DROP TABLE parts; CREATE VIEW parts AS WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT * FROM n",
]


@pytest.mark.parametrize("script", FOREIGN)
def test_commands_refuse_a_project_with_triggers_or_views_at_once(tmp_path, masks, capsys, script):
    project = tmp_path / "p.counterpart"
    with Document.new(project) as document:
        document.add_images(find_images([tmp_path / "photos"]))
    connection = sqlite3.connect(project)
    connection.executescript(script)
    connection.close()
    before = project.read_bytes()
    for words in (
        ["import", masks, "--root", tmp_path / "photos", "--project", project],
        ["import", masks, "--root", tmp_path / "photos", "--project", project, "--dry-run"],
        ["export", project, "--format", "coco", "--out", tmp_path / "out.json"],
        ["statistics", project],
        ["track-project", project],
    ):
        assert main([*map(str, words), "--json", "--quiet"]) == 1
        report = json.loads(capsys.readouterr().out)
        assert "what no project has" in report["error"]["error"]
        assert report["error"]["file"] == str(project)
    assert project.read_bytes() == before
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("name", ["coco", "indexed-png"])
def test_an_export_that_does_not_fit_leaves_the_old_one(tmp_path, masks, name):
    project = tmp_path / "p.counterpart"
    with Document.new(project) as document:
        images = document.add_images(find_images([tmp_path / "photos"]))
        document.apply(AddPart("wing"))
        document.apply(ReplaceMasks(dict.fromkeys(images, np.eye(200, dtype=np.uint8))))
    out = tmp_path / "out" / ("target.json" if name == "coco" else "target")
    out.parent.mkdir()
    out.write_text("old") if name == "coco" else out.mkdir()
    code, report, errors = on_a_small_disk(150, "export", project, "--format", name, "--out", out)
    assert code == 1
    assert "disk is full" in report["error"]["error"]
    assert "Traceback" not in errors
    assert list(out.parent.iterdir()) == [out]
    assert out.read_text() == "old" if name == "coco" else not any(out.iterdir())
