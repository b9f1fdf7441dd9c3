"""A text that cannot be written costs the command that brought it, and nothing after it."""

import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from counterpart.core.errors import UsageError
from counterpart.core.images.reading import ImageRef
from counterpart.core.project.commands import (
    AddImages,
    AddPart,
    AddSkeleton,
    Command,
    EditPart,
    NewImage,
    NoteFacts,
    RelinkImages,
    ReplaceMasks,
    SetSettings,
)
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from counterpart.core.project.model import ImageRecord, Provenance
from counterpart.core.project.names import tidy_name
from counterpart.core.project.points import Skeleton
from counterpart.core.project.tiles import pack_labels
from tests.core.project_tools import HW, everything, filled

BAD = ["caf\udce9", "a\0b", "\ud800", "\udfff", "x" * 70_000 + "\udc80"]
SURROGATES = [text for text in BAD if "\0" not in text]


def refused(document: Document, command: Command) -> str:
    """What is said of a command that cannot be done; the next ones can, and all is in the file."""
    before = everything(document)
    history = History(document)
    with pytest.raises(UsageError) as caught:
        history.push(command)
    assert everything(document) == before
    assert not history.can_undo
    assert history.push(AddPart("next"))
    assert document.saved.saved
    assert document.saved.error is None
    with sqlite3.connect(f"file:{document.path}?mode=ro", uri=True) as file:
        assert file.execute("SELECT count(*) FROM parts WHERE name = 'next'").fetchone() == (1,)
    file.close()
    return str(caught.value)


@pytest.fixture
def document(tmp_path):
    with filled(Document.new(tmp_path / "p.counterpart"), tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("text", BAD)
def test_names_of_images_and_their_facts(document, tmp_path, text):
    for command in (
        AddImages([ImageRef(tmp_path / "new.jpg", text)]),
        AddImages([NewImage(tmp_path / "new.jpg", "new.jpg", sha256=text)]),
        NoteFacts([ImageRecord(1, "img1.jpg", sha256=text)]),
    ):
        with Document.new(tmp_path / f"{type(command).__name__}.counterpart", overwrite=True) as other:
            said = refused(filled(other, tmp_path), command)
            assert "cannot be stored" in said
            said.encode()
            assert "\0" not in said


@pytest.mark.parametrize("text", SURROGATES)
def test_where_images_are(document, tmp_path, text):
    place = tmp_path / text[-200:] / "img.jpg"
    with Document.new(tmp_path / "other.counterpart") as other:
        assert "cannot be stored" in refused(filled(other, tmp_path), RelinkImages({1: place}))
    assert "cannot be stored" in refused(document, AddImages([ImageRef(place, "img.jpg")]))


@pytest.mark.parametrize("text", BAD)
def test_names_that_a_person_gives_are_tidied_before_they_are_stored(document, text):
    """`core.project.names` leaves nothing in a name that could not be stored."""
    left = tidy_name(text)
    if not left:
        assert "needs a name" in refused(document, AddPart(text))
        return
    document.apply(AddPart(text))
    document.apply(AddSkeleton(Skeleton(("a", "b"), name=text)))
    document.apply(EditPart(1, name=text + "2"))
    assert [part.name for part in document.parts][:1] == [left + "2"]
    assert document.saved.error is None


@pytest.mark.parametrize("text", BAD)
def test_provenance(document, text):
    labels = np.ones(HW, np.uint8)
    refused(document, ReplaceMasks({1: pack_labels(labels)}, provenance=Provenance("parts", model=text)))


@pytest.mark.parametrize("text", BAD)
def test_settings(document, tmp_path, text):
    refused(document, SetSettings({text: 1}))
    if "\0" in text:  # in JSON it is an escape
        document.apply(SetSettings({"comment": text}))
        document.close()
        with Document.open(tmp_path / "p.counterpart") as again:
            assert again.settings["comment"] == text
        return
    with pytest.raises(UsageError):
        document.apply(SetSettings({"comment": {"by": [text]}}))
    with pytest.raises(UsageError):
        document.note_settings({"look": text})
    assert document.apply(AddPart("after all"))
    assert document.saved.saved


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1, 10**30])
def test_numbers_that_are_too_large(document, number):
    assert "too large a number" in refused(document, NoteFacts([ImageRecord(1, "img1.jpg", size_bytes=number)]))


def test_a_value_of_no_type_that_a_row_has_is_a_defect(document):
    with pytest.raises(TypeError):
        document.apply(NoteFacts([ImageRecord(1, "img1.jpg", size_bytes=Path("x"))]))
    assert document.apply(AddPart("next"))
    assert document.saved.saved


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_project_lies_in_a_folder_of_any_name(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xff"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this disk takes only names that are text")
    with filled(Document.new(tmp_path / "p.counterpart"), tmp_path) as document:
        document.save_as(folder / "q.counterpart")
        assert document.apply(AddPart("next"))
        assert document.saved.saved
    with Document.open(folder / "q.counterpart") as again:
        assert "next" in [part.name for part in again.parts]
