"""Images that moved are found by what is in them."""

import dataclasses
import os

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import JobCancelledError
from counterpart.core.images.finding import find_images
from counterpart.core.images.reading import read_image
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.project import relink
from counterpart.core.project.commands import RelinkImages
from counterpart.core.project.document import Document
from counterpart.core.project.model import ImageRecord
from counterpart.core.project.relink import find_moved, learn_facts


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "sub/c.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (20, 30, 3)).astype(np.uint8)).save(folder / name)
    return folder


def lost_images(document):
    return [record for record in document.images() if not document.image_path(record.id).exists()]


@pytest.fixture
def document(tmp_path, photos):
    document = Document.new(tmp_path / "p.counterpart")
    document.add_images(find_images([photos]))
    document.note_facts(
        learn_facts([(record, document.image_path(record.id)) for record in document.images()], silent())
    )
    yield document
    document.close()


def test_facts_are_those_of_the_files(document):
    for record in document.images():
        file = document.image_path(record.id)
        assert record.sha256 == read_image(file).sha256
        assert record.size_bytes == file.stat().st_size
        assert record.hw == (20, 30)
    assert lost_images(document) == []


def test_renamed_and_moved_files_are_found_by_content(document, photos, tmp_path):
    new = tmp_path / "elsewhere" / "deep"
    new.mkdir(parents=True)
    (photos / "a.png").rename(new / "b.png")
    (photos / "b.png").rename(new / "a.png")
    (photos / "sub" / "c.png").unlink()
    lost = lost_images(document)
    assert [record.name for record in lost] == ["a.png", "b.png", "sub/c.png"]
    found = find_moved(lost, tmp_path / "elsewhere", silent())
    assert found.places == {1: new / "b.png", 2: new / "a.png"}
    assert found.guesses == {}
    assert found.missing == (3,)
    document.apply(RelinkImages(found.places))
    assert [record.id for record in lost_images(document)] == [3]
    assert read_image(document.image_path(1)).sha256 == document.image(1).sha256


def test_without_a_hash_a_name_is_a_guess_and_two_of_a_name_are_none(document, photos, tmp_path):
    records = [dataclasses.replace(record, sha256="", size_bytes=-1) for record in document.images()]
    found = find_moved(records, photos, silent())
    assert found.guesses == {1: photos / "a.png", 2: photos / "b.png", 3: photos / "sub" / "c.png"}
    (photos / "sub" / "a.png").write_bytes((photos / "a.png").read_bytes())
    again = find_moved(records, photos, silent())
    assert 1 not in again.guesses
    assert again.missing == (1,)


def test_files_that_cannot_be_read_are_reported_and_the_rest_is_learnt(document, photos):
    (photos / "a.png").write_bytes(b"no image")
    ctx = silent()
    facts = learn_facts([(record, document.image_path(record.id)) for record in document.images()], ctx)
    assert [record.name for record in facts] == ["b.png", "sub/c.png"]
    assert [error.path.name for error in ctx.failures] == ["a.png"]


def test_looking_can_be_cancelled(document, photos):
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelledError):
        find_moved(list(document.images()), photos, JobContext(token=token))


@pytest.mark.parametrize(("noted", "lies_as"), [("Cat.PNG", "cat.png"), ("cat.png", "Cat.PNG")])
def test_a_name_is_the_same_name_in_other_letters(tmp_path, noted, lies_as):
    record = ImageRecord(1, noted, f"photos/{noted}")
    Image.new("RGB", (4, 3)).save(tmp_path / lies_as)
    assert find_moved([record], tmp_path, silent()).guesses == {1: tmp_path / lies_as}


@pytest.mark.skipif(os.name == "nt", reason="pipes as POSIX has them")
def test_a_pipe_in_the_place_of_an_image_is_named_and_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "a.png")
    ctx = silent()
    monkeypatch.setattr(relink, "image_size", lambda _file: (1, 1))  # as if it came right after the header was read
    assert learn_facts([(ImageRecord(1, "a.png"), tmp_path / "a.png")], ctx) == []
    assert [error.what for error in ctx.failures] == ["this is a pipe, not an image"]


def test_a_file_that_is_replaced_while_it_is_read_is_not_noted_as_half_of_each(photos, monkeypatch):
    def replaced(file):
        (photos / "b.png").replace(file)
        return 20, 30

    monkeypatch.setattr(relink, "image_size", replaced)
    ctx = silent()
    assert learn_facts([(ImageRecord(1, "a.png"), photos / "a.png")], ctx) == []
    assert [error.what for error in ctx.failures] == ["the file changed while it was read"]
