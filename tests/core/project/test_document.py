"""The project file: nothing that was shown as saved is lost, nothing damaged is replaced, one window writes."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from counterpart.core.errors import OutputError, ProjectError
from counterpart.core.images.reading import ImageRef
from counterpart.core.project import schema
from counterpart.core.project.changes import (
    ImagesChanged,
    LabelsChanged,
    MaskChanged,
    SavedChanged,
    SettingsChanged,
    StateChanged,
)
from counterpart.core.project.commands import (
    AddImages,
    AddPart,
    Compound,
    EditPart,
    NewImage,
    Paint,
    RemoveImages,
    SetReviewState,
    SetSettings,
)
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from counterpart.core.project.store import Store
from tests.core.project_tools import HW, box_mask, everything, filled, new_images

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path):
    return tmp_path / "ünï 图" / "my project.counterpart"


def painted(path, folder):
    document = filled(Document.new(path), folder)
    document.apply(Paint(1, 2, (10, 20, 60, 100), box_mask(50, 80)))
    return document


# Files --------------------------------------------------------------------------------------------------------------


def test_a_project_comes_back_as_it_was(project, tmp_path):
    with painted(project, tmp_path) as document:
        before = everything(document)
        labels = document.label_map(1).labels
    with Document.open(project) as again:
        assert everything(again) == before
        assert np.array_equal(again.label_map(1).labels, labels)
        assert not again.read_only
        assert again.parts[1].name == "part 2"
    assert [path.name for path in project.parent.iterdir()] == [project.name]


def test_an_untitled_project_gets_a_file_and_goes_on_there(project, tmp_path):
    document = filled(Document.untitled(), tmp_path)
    history = History(document)
    history.push(Paint(1, 1, (0, 0, 5, 5), box_mask(5, 5)))
    document.save_as(project)
    history.push(Paint(1, 2, (0, 0, 2, 2), box_mask(2, 2)))
    assert document.path == project
    after = everything(document)
    document.close()
    with Document.open(project) as again:
        assert everything(again) == after


def test_the_history_survives_saving_under_another_name(tmp_path):
    document = painted(tmp_path / "a.counterpart", tmp_path)
    history = History(document)
    start = everything(document)
    history.push(Paint(1, 1, (0, 0, 9, 9), box_mask(9, 9)))
    end = everything(document)
    document.save_as(tmp_path / "b.counterpart")
    history.undo()
    assert {k: v for k, v in everything(document).items() if k != "roots"} == {
        k: v for k, v in start.items() if k != "roots"
    }
    history.redo()
    assert everything(document)["label_tiles"] == end["label_tiles"]
    document.close()
    with Document.open(tmp_path / "a.counterpart") as first:
        assert everything(first) == end, "the file saved from keeps what it had"


def test_an_existing_file_is_not_replaced_unasked(tmp_path):
    path = tmp_path / "a.counterpart"
    painted(path, tmp_path).close()
    size = path.stat().st_size
    with pytest.raises(OutputError, match="of that name"):
        Document.new(path)
    with pytest.raises(OutputError, match="of that name"):
        Document.untitled().save_as(path)
    assert path.stat().st_size == size
    with Document.new(path, overwrite=True) as fresh:
        assert len(fresh) == 0


def test_what_a_killed_program_left_beside_a_file_does_not_leak_into_its_replacement(tmp_path):
    path = tmp_path / "a.counterpart"
    code = (
        "import sys, os; from pathlib import Path; from counterpart.core.project.document import Document;"
        "from tests.core.project_tools import filled;"
        "filled(Document.new(sys.argv[1]), Path(sys.argv[1]).parent); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=True)
    assert path.with_name(path.name + "-wal").exists()
    with Document.new(path, overwrite=True) as fresh:
        assert len(fresh) == 0
        assert fresh.parts == ()


# A second window ----------------------------------------------------------------------------------------------------


def test_a_second_window_may_look_but_not_write_and_says_why(project, tmp_path):
    first = painted(project, tmp_path)
    with Document.open(project) as second:
        assert second.read_only
        assert "open in another window" in second.why_read_only
        assert np.array_equal(second.label_map(1).labels, first.label_map(1).labels)
        with pytest.raises(OutputError, match="open in another window"):
            second.apply(AddPart("x"))
    first.close()
    with Document.open(project) as third:
        assert not third.read_only


def test_a_project_that_is_open_is_not_overwritten(project, tmp_path):
    with painted(project, tmp_path), pytest.raises(OutputError, match="is open"):
        Document.new(project, overwrite=True)


def test_the_lock_dies_with_its_process(project, tmp_path):
    project.parent.mkdir()
    code = (
        "import sys, os; from counterpart.core.project.document import Document; d = Document.new(sys.argv[1]);"
        "print('open', flush=True); sys.stdin.read(1); os._exit(1)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(project)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        with Document.open(project) as looking:
            assert looking.read_only
        other.kill()
        other.wait()
    with Document.open(project) as writing:
        assert not writing.read_only


def test_a_file_without_permission_opens_read_only(project, tmp_path, monkeypatch):
    painted(project, tmp_path).close()
    monkeypatch.setattr("counterpart.core.project.placing.os.access", lambda *_: False)
    with Document.open(project) as document:
        assert "no permission" in document.why_read_only
        assert document.label_map(1) is not None


def test_opening_to_look_needs_no_lock_and_leaves_none(project, tmp_path):
    painted(project, tmp_path).close()
    with Document.open(project, read_only=True) as looking, Document.open(project) as writing:
        assert looking.read_only
        assert not writing.read_only


# Saving that fails --------------------------------------------------------------------------------------------------


def refuse_to_write(monkeypatch, code):
    def fail(*_):
        error = sqlite3.OperationalError("forced")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr("counterpart.core.project.store.write_rows", fail)


def test_a_full_disk_keeps_the_work_in_memory_says_so_and_saves_when_it_can(project, tmp_path, monkeypatch):
    document = painted(project, tmp_path)
    history = History(document)
    told = []
    document.subscribe(told.append)
    with monkeypatch.context() as patch:
        refuse_to_write(patch, sqlite3.SQLITE_FULL)
        history.push(Paint(1, 3, (100, 100, 200, 200), box_mask(100, 100)))
        history.push(Paint(2, 3, (100, 100, 200, 200), box_mask(100, 100)))
        history.push(EditPart(3, name="tail"))
        history.undo()
        assert not document.saved.saved
        assert "disk is full" in str(document.saved.error)
        assert document.label_map(2).areas() == {3: 10_000}
        assert document.images_with_part(3) == [1, 2]
        assert [change for change in told if isinstance(change, SavedChanged)][-1].saved is False
        with Document.open(project) as other:
            assert other.label_map(2) is None
        with pytest.raises(OutputError, match="disk is full"):
            document.save()
    document.save()
    assert document.saved.saved
    assert told[-1] == document.saved
    after = everything(document)
    document.close()
    with Document.open(project) as again:
        assert everything(again) == after


def test_unsaved_work_can_go_to_another_disk(tmp_path, monkeypatch):
    document = painted(tmp_path / "full.counterpart", tmp_path)
    with monkeypatch.context() as patch:
        refuse_to_write(patch, sqlite3.SQLITE_READONLY)
        document.apply(AddPart("new"))
        assert "no permission" in str(document.saved.error)
    document.save_as(tmp_path / "other.counterpart")
    assert document.saved.saved
    document.close()
    with Document.open(tmp_path / "other.counterpart") as again:
        assert [part.name for part in again.parts][-1] == "new"


def test_a_file_that_was_moved_away_is_noticed_and_the_work_kept(tmp_path):
    path = tmp_path / "a.counterpart"
    document = painted(path, tmp_path)
    path.rename(tmp_path / "moved.counterpart")
    document.apply(AddPart("new"))
    assert not document.saved.saved
    assert "moved, replaced or deleted" in str(document.saved.error)
    (tmp_path / "moved.counterpart").rename(path)
    document.save()
    assert document.saved.saved
    document.close()


def test_a_file_that_was_deleted_is_made_again_under_its_own_name(tmp_path):
    path = tmp_path / "a.counterpart"
    document = painted(path, tmp_path)
    before = everything(document)
    path.unlink()
    document.apply(AddPart("new"))
    assert not document.saved.saved
    document.save_as(path)
    assert document.saved.saved
    document.close()
    with Document.open(path) as again:
        assert not again.read_only
        assert everything(again)["label_tiles"] == before["label_tiles"]
        assert again.parts[-1].name == "new"


# Files that are no good ---------------------------------------------------------------------------------------------


def test_files_that_are_no_project_are_refused_and_left_alone(tmp_path):
    for name, data, words in [
        ("empty.counterpart", b"", "not a project"),
        ("text.counterpart", b"hello" * 100, "not a project"),
        ("cut.counterpart", b"SQLite format 3\0", "not a project"),
    ]:
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(ProjectError, match=words):
            Document.open(path)
        assert path.read_bytes() == data
    with pytest.raises(ProjectError, match="no such project"):
        Document.open(tmp_path / "missing.counterpart")
    assert not (tmp_path / "missing.counterpart").exists()
    with pytest.raises(ProjectError, match="folder"):
        Document.open(tmp_path)


def test_a_database_of_another_program_is_refused(tmp_path):
    path = tmp_path / "other.counterpart"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE a (b)")
    connection.commit()
    connection.close()
    with pytest.raises(ProjectError, match="another program"):
        Document.open(path)


def test_a_project_of_a_later_version_is_refused_and_left_alone(project, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(schema, "SCHEMA_VERSION", schema.SCHEMA_VERSION + 1)
        painted(project, tmp_path).close()
    before = project.read_bytes()
    with pytest.raises(ProjectError, match="later version") as caught:
        Document.open(project)
    assert "Update the program" in str(caught.value)
    assert project.read_bytes() == before


def test_a_project_of_an_earlier_version_is_brought_up_to_date(project, tmp_path, monkeypatch):
    painted(project, tmp_path).close()
    version = schema.SCHEMA_VERSION
    monkeypatch.setattr(schema, "SCHEMA_VERSION", version + 2)
    monkeypatch.setattr(
        schema,
        "MIGRATIONS",
        {
            version: "ALTER TABLE images ADD COLUMN note TEXT NOT NULL DEFAULT '';",
            version + 1: "UPDATE images SET note = name; CREATE INDEX by_note ON images (note);",
        },
    )
    with Document.open(project) as document:
        assert document._store._connection.execute("SELECT note FROM images").fetchone() == ("img1.jpg",)
        assert document._store._connection.execute("PRAGMA user_version").fetchone() == (version + 2,)
        assert document.label_map(1).areas() == {2: 4000}


def test_a_migration_that_fails_changes_nothing(project, tmp_path, monkeypatch):
    painted(project, tmp_path).close()
    version = schema.SCHEMA_VERSION
    with monkeypatch.context() as patch:
        patch.setattr(schema, "SCHEMA_VERSION", version + 1)
        patch.setattr(schema, "MIGRATIONS", {version: "DELETE FROM parts; SELECT * FROM nowhere"})
        with pytest.raises(ProjectError, match="could not be brought up to date"):
            Document.open(project)
    with Document.open(project) as document:
        assert len(document.parts) == 3


def test_a_damaged_label_is_named_and_everything_else_works(project, tmp_path):
    with painted(project, tmp_path) as document:
        document.apply(Paint(2, 1, (0, 0, 9, 9), box_mask(9, 9)))
    connection = sqlite3.connect(project)
    connection.execute("UPDATE label_tiles SET data = substr(data, 1, 20) WHERE image = 1")
    connection.commit()
    connection.close()
    with Document.open(project) as document:
        with pytest.raises(ProjectError, match=r"img1.jpg: the labels are damaged"):
            document.label_map(1)
        with pytest.raises(ProjectError, match=r"damaged"):
            document.apply(Paint(1, 1, (0, 0, 3, 3), box_mask(3, 3)))
        assert document.label_map(2).areas() == {1: 81}
        blob = document._store.get("label_tiles", (1, 0))
    assert len(blob[0]) == 20, "the damaged blob is still there"


def damage_pages(path, word):
    """Overwrite every page that contains a word with nonsense; the header page is spared."""
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[16:18], "big")
    hit = 0
    for start in range(size, len(data), size):
        if word in data[start : start + size]:
            data[start : start + size] = b"\xff" * size
            hit += 1
    path.write_bytes(bytes(data))
    return hit


def test_damaged_pages_open_what_can_be_read_name_the_rest_and_are_never_written_over(project, tmp_path):
    with Document.new(project) as document:
        document.apply(AddImages(new_images(tmp_path, 2000)))
        document.apply(AddPart("wing"))
        document.apply(Paint(1500, 1, (0, 0, 50, 50), box_mask(50, 50)))
    assert 1 <= damage_pages(project, b"img700.jpg") <= 3
    before = project.read_bytes()
    with Document.open(project) as document:
        assert document.read_only
        assert "damaged" in document.why_read_only
        assert document.problems
        assert 1000 < len(document) < 2000
        assert document.label_map(1500).areas() == {1: 2500}
        with pytest.raises(OutputError, match="damaged"):
            document.apply(AddPart("x"))
        document.save_as(tmp_path / "rescued.counterpart")
        rescued = len(document)
        document.apply(AddPart("tail"))
    assert project.read_bytes() == before
    with Document.open(tmp_path / "rescued.counterpart") as document:
        assert len(document) == rescued
        assert document._store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert document._store._connection.execute("PRAGMA foreign_key_check").fetchone() is None
        assert document.label_map(1500).areas() == {1: 2500}


@pytest.mark.parametrize("seed", range(12))
def test_random_damage_gives_an_error_or_a_readable_project_but_never_a_crash_or_a_write(tmp_path, seed):
    path = tmp_path / "a.counterpart"
    with painted(path, tmp_path) as document:
        document.apply(AddImages(new_images(tmp_path / "more", 300)))
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    start = int(rng.integers(100, len(data)))
    data[start : start + 600] = rng.bytes(len(data[start : start + 600]))
    path.write_bytes(bytes(data))
    errors = []
    damaged = True
    try:
        with Document.open(path) as document:
            for image in document.image_ids:
                for read in (document.label_map, document.keypoints):
                    try:
                        read(image)
                    except ProjectError as error:
                        errors.append(error)
            damaged = document.read_only
    except ProjectError as error:
        errors.append(error)
    assert all(error.hint for error in errors)
    if damaged:
        assert path.read_bytes() == bytes(data)


def test_damage_that_shows_while_reading_is_told_and_ends_writing(project, tmp_path, monkeypatch):
    with Document.new(project) as document:
        document.apply(AddImages(new_images(tmp_path, 400)))
        document.apply(AddPart("wing"))
        for image in range(1, 60):
            document.apply(Paint(image, 1, (0, 0, 200, 200), np.random.default_rng(image).random((200, 200)) > 0.5))
    data = bytearray(project.read_bytes())
    size = int.from_bytes(data[16:18], "big")
    connection = sqlite3.connect(project)
    root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'label_tiles'").fetchone()[0]
    connection.close()
    data[(root - 1) * size : root * size] = b"\xff" * size
    project.write_bytes(bytes(data))
    monkeypatch.setattr("counterpart.core.project.store.CHECK_BYTES", 0)
    monkeypatch.setattr(Store, "check", lambda self: None)  # as for a file too large to be looked through
    with Document.open(project) as document:
        assert not document.read_only
        told = []
        document.subscribe(told.append)
        with pytest.raises(ProjectError, match="image img1"):
            document.label_map(1)
        assert document.read_only
        assert document.problems
        assert told == [document.saved]
        with pytest.raises(OutputError, match="damaged"):
            document.apply(AddPart("tail"))
        assert len(document) == 400
    assert project.read_bytes() == bytes(data)


# Listening ----------------------------------------------------------------------------------------------------------


def test_listeners_hear_exactly_what_changed_and_undo_says_the_opposite(tmp_path):
    document = Document.untitled()
    history = History(document)
    told = []
    unsubscribe = document.subscribe(told.append)

    def heard():
        found = [change for change in told if not isinstance(change, SavedChanged)]
        told.clear()
        return found

    history.push(AddImages(new_images(tmp_path, 2)))
    assert heard() == [ImagesChanged(added=(1, 2))]
    history.push(AddPart("wing"))
    assert heard() == [LabelsChanged((1,))]
    history.push(Paint(1, 1, (250, 200, 280, 230), np.tri(30, 30, dtype=np.bool_)))
    assert heard() == [MaskChanged(1, (250, 200, 280, 230)), StateChanged((1,))]
    history.push(SetReviewState([1, 2], "reviewed"))
    assert heard() == [StateChanged((1, 2))]
    history.push(SetSettings({"k": 4}))
    assert heard() == [SettingsChanged(("k",))]
    for expected in (
        [SettingsChanged(("k",))],
        [StateChanged((1, 2))],
        [MaskChanged(1, (250, 200, 280, 230)), StateChanged((1,))],
        [LabelsChanged((1,))],
        [ImagesChanged(removed=(1, 2))],
    ):
        history.undo()
        assert heard() == expected
    unsubscribe()
    history.redo()
    assert told == []


def test_listeners_are_told_after_the_change_stands_and_must_not_change_it(tmp_path):
    document = filled(Document.untitled(), tmp_path)
    seen = []

    def listen(change):
        if isinstance(change, MaskChanged):
            seen.append(document.label_map(1).areas())
            document.apply(AddPart("from a listener"))

    document.subscribe(listen)
    with pytest.raises(RuntimeError, match="being told"):
        document.apply(Paint(1, 1, (0, 0, 2, 2), box_mask(2, 2)))
    assert seen == [{1: 4}]
    assert len(document.parts) == 3


def test_one_listener_that_fails_does_not_deafen_the_others(tmp_path):
    document = filled(Document.untitled(), tmp_path)
    told = []

    def fail(_change):
        raise LookupError("a defect")

    document.subscribe(fail)
    document.subscribe(told.append)
    with pytest.raises(LookupError, match="a defect"):
        document.apply(AddPart("x"))
    assert LabelsChanged((4,)) in told
    assert document.part(4).name == "x"


# Order of commands --------------------------------------------------------------------------------------------------


def test_a_command_that_changes_nothing_leaves_no_trace(tmp_path):
    document = filled(Document.untitled(), tmp_path)
    history = History(document)
    revision = document.revision
    told = []
    document.subscribe(told.append)
    assert not history.push(Paint(1, 0, (0, 0, 5, 5), box_mask(5, 5)))
    assert not history.push(Paint(1, 1, (0, 0, 5, 5), np.zeros((5, 5), np.bool_)))
    assert not history.push(SetReviewState([1], "todo"))
    assert not history.push(EditPart(1, name="part 1"))
    assert history.undo_text == ""
    assert told == []
    assert document.revision == revision


def test_commands_out_of_turn_are_a_defect_not_a_mess(tmp_path):
    document = filled(Document.untitled(), tmp_path)
    first, second = AddPart("a"), AddPart("b")
    document.apply(first)
    document.apply(second)
    with pytest.raises(RuntimeError, match="order"):
        document.revert(first)
    document.revert(second)
    with pytest.raises(RuntimeError, match="order"):
        document.revert(second)
    document.apply(second)
    assert [part.name for part in document.parts][-2:] == ["a", "b"]


def test_a_failing_command_changes_nothing_not_even_half(tmp_path):
    document = filled(Document.untitled(), tmp_path)
    before = everything(document)
    with pytest.raises(OutputError.__mro__[1], match="named part 1 already"):
        document.apply(Compound("two", [AddPart("fine"), AddPart("part 1")]))
    assert everything(document) == before


def test_identifiers_are_never_given_twice(project, tmp_path):
    with filled(Document.new(project), tmp_path) as document:
        history = History(document)
        history.push(AddPart("x"))
        history.undo()
        history.push(AddPart("y"))
        assert document.parts[-1].id == 5
        history.undo()
        document.apply(RemoveImages([3]))
    with Document.open(project) as document:
        command = AddPart("z")
        document.apply(command)
        assert command.outcome.created == [6]
        assert document.add_images([NewImage(tmp_path / "again.jpg", "again.jpg")]) == [4]


def test_facts_learnt_after_a_command_are_not_undone_with_it(tmp_path):
    document = filled(Document.untitled(), tmp_path)
    history = History(document)
    history.push(SetReviewState([1], "reviewed"))
    record = document.image(1)
    document.note_facts([type(record)(**{**_fields(record), "sha256": "ab" * 32, "doubt": 0.25, "state": "todo"})])
    assert document.image(1).state == "reviewed", "a fact is not a state"
    history.undo()
    assert document.image(1).state == "todo"
    assert document.image(1).sha256 == "ab" * 32
    history.redo()
    assert document.image(1).doubt == 0.25
    assert document.image(1).state == "reviewed"


def _fields(record):
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


# Images -------------------------------------------------------------------------------------------------------------


def test_images_are_sorted_as_a_person_would_and_found_where_they_are(tmp_path):
    document = Document.untitled()
    names = ["b/img10.jpg", "b/img9.jpg", "a/Img2.jpg", "a/img1.jpg"]
    document.add_images([ImageRef(tmp_path / name, name) for name in names])
    assert [record.name for record in document.images()] == ["a/img1.jpg", "a/Img2.jpg", "b/img9.jpg", "b/img10.jpg"]
    assert document.image_path(1) == tmp_path / "b" / "img10.jpg"
    assert document.image_ref(4) == ImageRef(tmp_path / "a" / "img1.jpg", "a/img1.jpg")
    assert document.find_image("a/Img2.jpg").id == 3
    assert document.find_image("nowhere.jpg") is None


def test_an_image_is_taken_once_and_equal_names_from_two_folders_are_told_apart(tmp_path):
    document = Document.untitled()
    assert document.add_images([ImageRef(tmp_path / "a" / "x.jpg", "x.jpg")]) == [1]
    assert document.add_images([ImageRef(tmp_path / "a" / "x.jpg", "a/x.jpg")]) == []
    assert document.add_images([ImageRef(tmp_path / "b" / "x.jpg", "x.jpg")]) == [2]
    assert [record.name for record in document.images()] == ["b/x.jpg", "x.jpg"]
    assert document.image_path(2) == tmp_path / "b" / "x.jpg"


def test_a_project_moved_with_its_images_finds_them(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "images").mkdir(parents=True)
    document = Document.new(old / "p.counterpart")
    document.add_images([ImageRef(old / "images" / "a.jpg", "a.jpg")])
    document.close()
    old.rename(new)
    with Document.open(new / "p.counterpart") as moved:
        assert moved.image_path(1) == new / "images" / "a.jpg"


def test_a_project_moved_alone_still_finds_its_images(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    document = Document.new(tmp_path / "p.counterpart")
    document.add_images([ImageRef(images / "a.jpg", "a.jpg")])
    document.close()
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    moved = (tmp_path / "p.counterpart").rename(tmp_path / "elsewhere" / "deep" / "p.counterpart")
    with Document.open(moved) as document:
        assert document.image_path(1) == images / "a.jpg"


def test_labels_read_before_a_change_do_not_change(tmp_path):
    document = painted(tmp_path / "p.counterpart", tmp_path)
    before = document.label_map(1)
    copy = before.labels.copy()
    document.apply(Paint(1, 1, (0, 0, HW[0], HW[1]), box_mask(*HW)))
    assert np.array_equal(before.labels, copy)
    with pytest.raises(ValueError, match="read-only"):
        before.labels[0, 0] = 1
    document.close()
