"""`counterpart export` and `counterpart import` on real project files."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from counterpart.core.cli import main
from counterpart.core.images.finding import find_images
from counterpart.core.project.commands import AddPart, ReplaceMasks
from counterpart.core.project.document import Document


def run(capsys, *args):
    code = main([*(str(arg) for arg in args), "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def project(tmp_path):
    """Two images, one of them labelled with a part that has a hole."""
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (40, 30), (90, 120, 60)).save(tmp_path / "images" / f"{name}.png")
    labels = np.zeros((30, 40), dtype=np.uint8)
    labels[5:25, 5:35] = 1
    labels[10:15, 10:20] = 0
    with Document.new(tmp_path / "set.counterpart") as document:
        first, _ = document.add_images(find_images([tmp_path / "images"]))
        document.apply(AddPart("head"))
        document.apply(ReplaceMasks({first: labels}))
    return tmp_path / "set.counterpart", labels


@pytest.mark.parametrize("name", ["coco", "indexed-png"])
def test_masks_survive_export_and_import_into_another_project(project, tmp_path, capsys, name):
    path, labels = project
    out = tmp_path / ("out.json" if name == "coco" else "out")
    code, report = run(capsys, "export", path, "--format", name, "--out", out)
    assert code == 0
    assert report["images"] == 1
    assert [item["image"] for item in report["skipped"]] == ["b.png"]
    code, report = run(
        capsys,
        "import",
        out,
        "--format",
        name,
        "--project",
        tmp_path / "other.counterpart",
        "--root",
        tmp_path / "images",
    )
    assert code == 0, report
    with Document.open(tmp_path / "other.counterpart") as document:
        record = document.find_image("a.png")
        assert record is not None
        found = document.label_map(record.id)
        assert found is not None
        part = next(part for part in document.parts if part.name == "head")
        assert np.array_equal(found.labels == part.id, labels == 1)


def test_an_export_says_how_many_images_are_predictions(project, tmp_path, capsys):
    path, labels = project
    assert main(["export", str(path), "--format", "coco", "--out", str(tmp_path / "one.json")]) == 0
    assert "  The image is a prediction\n" in capsys.readouterr().out
    with Document.open(path) as document:
        document.apply(ReplaceMasks({2: labels}, state="edited"))
    assert main(["export", str(path), "--format", "coco", "--out", str(tmp_path / "two.json")]) == 0
    told = "1 of 2 images is a prediction; --state reviewed --state edited leaves them out"
    assert told in capsys.readouterr().out
    code, report = run(capsys, "export", path, "--format", "coco", "--out", tmp_path / "o.json", "--state", "edited")
    assert (code, report["images"], report["images_predicted"], report["images_edited_or_reviewed"]) == (0, 1, 0, 1)


def test_exporting_imports_no_torch(project, tmp_path):
    path, _ = project
    code = (
        "import sys; from counterpart.core.cli import main\n"
        f"assert main(['export', {str(path)!r}, '--format', 'coco', '--out', {str(tmp_path / 'o.json')!r}]) == 0\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_that_is_no_project_is_named_and_left_alone(tmp_path, capsys):
    (tmp_path / "x.counterpart").write_text("not a project")
    code, report = run(capsys, "export", tmp_path / "x.counterpart", "--format", "coco", "--out", tmp_path / "o.json")
    assert code == 1
    assert report["error"]["file"].endswith("x.counterpart")
    assert (tmp_path / "x.counterpart").read_text() == "not a project"
    assert not (tmp_path / "o.json").exists()


def test_a_damaged_annotation_file_changes_nothing(project, tmp_path, capsys):
    path, labels = project
    (tmp_path / "broken.json").write_text('{"images": [')
    code, report = run(capsys, "import", tmp_path / "broken.json", "--format", "coco", "--project", path)
    assert code == 1
    assert report["error"]["file"].endswith("broken.json")
    with Document.open(path) as document:
        assert np.array_equal(document.label_map(document.image_ids[0]).labels, labels)


def test_a_dry_run_recognises_the_format_and_changes_nothing(project, tmp_path, capsys):
    path, _ = project
    target = tmp_path / "out.json"
    assert run(capsys, "export", path, "--format", "coco", "--out", target)[0] == 0
    bytes_before = path.read_bytes()
    code, report = run(capsys, "import", target, "--project", path, "--dry-run")
    assert code == 0
    assert report["format"] == "coco"
    assert report["dry_run"]
    assert report["matched"]
    assert path.read_bytes() == bytes_before
    code, _ = run(capsys, "import", target, "--project", tmp_path / "new.counterpart", "--dry-run")
    assert code == 0
    assert not (tmp_path / "new.counterpart").exists()


def test_statistics_count_parts_and_write_a_table(project, tmp_path, capsys):
    path, labels = project
    code, report = run(capsys, "statistics", path, "--out", tmp_path / "parts.csv")
    assert code == 0
    assert (report["images"], report["labelled"]) == (2, 1)
    assert report["parts"][0]["part"] == "head"
    assert report["parts"][0]["pixels"] == int((labels > 0).sum())
    assert (tmp_path / "parts.csv").read_text().splitlines()[1].startswith("head,1,1,1,0,0,")
