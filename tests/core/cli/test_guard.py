"""A command never writes its result over what it reads."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpart.core.cli import main
from counterpart.core.cli.options import images_from
from counterpart.core.errors import UsageError
from counterpart.core.formats.base import ExportOptions
from counterpart.core.formats.exporting import export_project
from counterpart.core.images.finding import find_images
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.outputs import check_writable
from counterpart.core.project.document import Document


def picture(path: Path, value: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((40, 60, 3), value, dtype=np.uint8)).save(path)
    return path


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([*map(str, words), "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["status"] == "usage"
    return str(report["error"]["error"])


@pytest.mark.parametrize("command", [("parts",), ("cosegment",), ("explore", "pca"), ("extract",)])
def test_the_folder_of_the_images_is_refused_as_out(tmp_path, capsys, command):
    image = picture(tmp_path / "photos" / "cow.png")
    before = image.read_bytes()
    assert "read from" in refused(capsys, *command, tmp_path / "photos", "--out", tmp_path / "photos")
    assert image.read_bytes() == before
    assert list(image.parent.iterdir()) == [image]


def test_labels_and_frames_are_refused_as_out(tmp_path, capsys):
    picture(tmp_path / "photos" / "cow.jpg")
    mask = picture(tmp_path / "labels" / "cow.png")
    labels = tmp_path / "labels"
    photos = tmp_path / "photos"
    assert "read from" in refused(capsys, "propagate", photos, "--labels", labels, "--out", labels)
    assert "read from" in refused(capsys, "track", photos, "--mask", mask, "--out", photos)


@pytest.mark.parametrize("command", ["parts", "cosegment"])
def test_a_png_given_by_itself_is_not_replaced_by_its_mask(tmp_path, capsys, command):
    image = picture(tmp_path / "cow.png")
    before = image.read_bytes()
    assert "replace this image" in refused(capsys, command, image, "--cache", "none", "--out", tmp_path)
    assert image.read_bytes() == before


def test_a_photograph_or_a_project_is_not_replaced_by_a_report(tmp_path, capsys):
    a, b = picture(tmp_path / "photos" / "a.jpg"), picture(tmp_path / "photos" / "b.jpg", 30)
    before = a.read_bytes()
    assert "replace this input" in refused(capsys, "match", a, b, "--out", a)
    assert "replace this image" in refused(capsys, "match", b, b, "--out", a)
    project = tmp_path / "work.counterpart"
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.fromarray(np.ones((40, 60), dtype=np.uint8)).save(masks / "a.png")
    assert main(["import", str(masks), "--root", str(a.parent), "--project", str(project), "--quiet"]) == 0
    capsys.readouterr()
    whole = project.read_bytes()
    with Document.open(project, read_only=True) as document, pytest.raises(UsageError, match="would replace"):
        export_project(document, "coco", a, ExportOptions(), JobContext())
    assert "replace this input" in refused(capsys, "export", project, "--format", "coco", "--out", project)
    assert "replace this input" in refused(capsys, "statistics", project, "--out", project)
    assert project.read_bytes() == whole
    assert a.read_bytes() == before


def test_a_word_that_is_also_a_file_is_no_input(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "photos" / "a.jpg")
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.ones((40, 60), dtype=np.uint8)).save(tmp_path / "masks" / "a.png")
    assert main(["import", "masks", "--root", "photos", "--project", "w.counterpart", "--quiet"]) == 0
    for _ in range(2):
        assert main(["export", "w.counterpart", "--format", "coco", "--out", "coco", "--quiet"]) == 0


def test_results_below_the_images_are_not_taken_for_images(tmp_path):
    photos = tmp_path / "photos"
    picture(photos / "sub" / "cow.jpg")
    out = photos / "out"
    picture(out / "sub" / "cow.png")
    picture(out / "overlays" / "sub" / "cow.jpg")
    assert [ref.name for ref in find_images([photos], out)] == ["sub/cow.jpg"]
    assert [ref.name for ref in find_images([str(photos / "**" / "*.*")], out)] == ["sub/cow.jpg"]
    assert [ref.name for ref in find_images([out / "sub" / "cow.png"], out)] == ["cow.png"]


def test_folders_that_are_told_apart_by_their_names_are_not_written_over(tmp_path):
    """`parts a b --out .` puts the results of equal names into `a` and `b`: beside photographs, or over them."""
    for folder in ("a", "b"):
        picture(tmp_path / folder / "cow.png")
    refs = find_images([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(UsageError, match=r"cow\.png"):
        check_writable(tmp_path, refs)
    shutil.copy(tmp_path / "a" / "cow.png", tmp_path / "a" / "dog.png")
    check_writable(tmp_path / "out", [ImageRef(ref.path, ref.name) for ref in refs])


@pytest.mark.parametrize("content", [None, "{", '{"images": [], "annotations": [{"id": 1}], "categories": []}'])
def test_an_import_that_fails_leaves_no_empty_project(tmp_path, capsys, content):
    source, project = tmp_path / "some.json", tmp_path / "new.counterpart"
    if content is not None:
        source.write_text(content)
    assert main(["import", str(source), "--project", str(project), "--quiet"]) in {1, 2}
    assert "some.json" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ([] if content is None else ["some.json"])


def test_label_pictures_are_imported_into_a_new_project_of_their_photographs(tmp_path):
    """What `parts photos/ --out masks/` writes beside JPEGs is taken up with `--root photos/`."""
    for name in ("a.jpg", "sub/b.JPG", "twin.jpg", "twin.jpeg"):
        picture(tmp_path / "photos" / name)
    masks = tmp_path / "masks"
    (masks / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.png", "twin.jpg.png", "none.png"):
        Image.fromarray(np.ones((40, 60), dtype=np.uint8)).save(masks / name)
    project = tmp_path / "w.counterpart"
    assert main(["import", str(masks), "--root", str(tmp_path / "photos"), "--project", str(project), "--quiet"]) == 0
    with Document.open(project, read_only=True) as document:
        assert sorted(record.name for record in document.images()) == ["a.jpg", "sub/b.JPG", "twin.jpg"]


def test_an_export_of_nothing_says_so(tmp_path, capsys):
    picture(tmp_path / "photos" / "a.jpg")
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.ones((40, 60), dtype=np.uint8)).save(tmp_path / "masks" / "a.png")
    project = str(tmp_path / "w.counterpart")
    main(["import", str(tmp_path / "masks"), "--root", str(tmp_path / "photos"), "--project", project, "--quiet"])
    capsys.readouterr()
    words = ["export", project, "--format", "coco", "--out", str(tmp_path / "m.json")]
    assert main([*words, "--state", "reviewed"]) == 0
    assert "No image was exported" in capsys.readouterr().err
    assert main(words) == 0
    assert "No image" not in capsys.readouterr().err


def test_what_is_left_out_is_reported_and_named_images_fail(tmp_path):
    photos = tmp_path / "photos"
    picture(photos / "cow.jpg")
    (photos / "notes.txt").touch()
    picture(photos / "out" / "cow.png")
    ctx = JobContext()
    refs = images_from(argparse.Namespace(images=[photos], out=photos / "out"), ctx)
    assert [ref.name for ref in refs] == ["cow.jpg"]
    assert (ctx.warnings, ctx.failures) == (["1 file left out: 1 .txt"], [])


@pytest.mark.skipif(os.name == "nt", reason="links as POSIX has them")
def test_an_image_that_cannot_be_taken_fails_by_name_and_the_rest_is_done(tmp_path):
    picture(tmp_path / "cow.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    ctx = JobContext()
    assert len(images_from(argparse.Namespace(images=[tmp_path]), ctx)) == 1
    assert [str(error.path) for error in ctx.failures] == [str(tmp_path / "gone.jpg")]
