"""A project is one file: what SQLite keeps beside it is folded in, so that a copy of the file alone has everything."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from counterpart.core.errors import OutputError
from counterpart.core.project.commands import AddPart, Paint
from counterpart.core.project.document import Document
from tests.core.project_tools import box_mask, everything, filled

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def document(tmp_path):
    """An open project with work that is in the log alone."""
    with filled(Document.new(tmp_path / "p.counterpart"), tmp_path) as document:
        document.apply(Paint(1, 1, (0, 0, 90, 90), box_mask(90, 90)))
        yield document


def copied_alone(document):
    copy = document.path.with_name("copy") / "c.counterpart"
    copy.parent.mkdir(exist_ok=True)
    shutil.copyfile(document.path, copy)
    with Document.open(copy) as found:
        return everything(found)


def log_of(document):
    return document.path.with_name(document.path.name + "-wal")


@pytest.mark.parametrize("fold", [Document.fold, Document.save])
def test_a_copy_of_the_file_alone_has_everything(document, fold):
    assert log_of(document).stat().st_size > 0
    fold(document)
    assert log_of(document).stat().st_size == 0
    assert copied_alone(document) == everything(document)
    document.apply(AddPart("and on"))
    assert document.saved.saved


def test_a_reader_at_work_is_not_waited_for_and_folding_succeeds_after_it(document):
    reader = sqlite3.connect(document.path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM parts").fetchone()
    assert not document.fold()
    document.apply(AddPart("and on"))
    assert document.saved.saved
    reader.close()
    assert document.fold()
    assert copied_alone(document) == everything(document)


def test_closing_folds_though_a_reader_has_the_file_open(document, tmp_path):
    with Document.open(document.path, read_only=True):
        before = everything(document)
        document.close()
        shutil.copyfile(tmp_path / "p.counterpart", tmp_path / "c.counterpart")
    with Document.open(tmp_path / "c.counterpart") as copy:
        assert everything(copy) == before


KILLED = """
import os, sys
from pathlib import Path
from counterpart.core.project.commands import AddPart
from counterpart.core.project.document import Document
document = Document.open(Path(sys.argv[1]))
document.apply(AddPart("last words"))
os._exit(9)
"""


def test_what_a_killed_process_had_saved_is_folded_in_by_opening(document):
    path = document.path
    document.close()
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False).returncode == 9
    assert log_of(document).stat().st_size > 0
    with Document.open(path) as again:
        assert again.parts[-1].name == "last words"
        assert copied_alone(again) == everything(again)


def test_a_damaged_or_read_only_project_is_not_folded(document):
    document._store.give_up_writing("the file is damaged")
    size = log_of(document).stat().st_size
    assert size
    assert document.fold()
    assert log_of(document).stat().st_size == size


def test_a_block_that_ends_with_work_unsaved_says_so(tmp_path):
    path = tmp_path / "p.counterpart"

    def work():
        with filled(Document.new(path), tmp_path) as document:
            pages = document._store._connection.execute("PRAGMA page_count").fetchone()[0]
            document._store._connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
            for number in range(200):
                document.apply(AddPart(f"{number} {'x' * 100}"))
            assert not document.saved.saved

    with pytest.raises(OutputError, match="disk is full"):
        work()
    with Document.open(path) as again:  # it was closed and is whole
        assert not again.read_only


def test_a_block_that_fails_keeps_its_own_error(tmp_path):
    def work():
        with filled(Document.new(tmp_path / "p.counterpart"), tmp_path) as document:
            os.truncate(document.path, 0)
            document.apply(AddPart("x" * 100))
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        work()


def test_saving_under_a_name_that_cannot_be_leaves_the_document_as_it_was(document, tmp_path):
    before = everything(document)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "taken.counterpart").mkdir()
    with pytest.raises(OutputError):
        document.save_as(tmp_path / "other" / "taken.counterpart")
    assert everything(document) == before
    assert document.saved.saved
