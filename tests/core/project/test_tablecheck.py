"""A file with anything but a project's tables is refused by name before any of it is read, at once and unchanged."""

import os
import sqlite3

import pytest

from counterpart.core.errors import OutputError, ProjectError
from counterpart.core.project import schema
from counterpart.core.project.commands import AddPart
from counterpart.core.project.document import Document
from counterpart.core.project.store import Store
from tests.core.project_tools import everything, filled


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "p.counterpart"
    filled(Document.new(path), tmp_path).close()
    return path


def changed(path, script):
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path.read_bytes()


ENDLESS = "SELECT 1 UNION ALL SELECT x + 1 FROM n"
FOREIGN = {
    "silent trigger": "CREATE TRIGGER t BEFORE INSERT ON parts BEGIN SELECT RAISE(IGNORE); END",
    "failing trigger": "CREATE TRIGGER t BEFORE INSERT ON images BEGIN SELECT RAISE(FAIL, 'no'); END",
    "undoing trigger": "CREATE TRIGGER t AFTER INSERT ON parts BEGIN DELETE FROM parts WHERE id = NEW.id; END",
    "trigger in odd spelling": 'create\n/**/trigger "table x" after delete on "parts" begin select 1; end',
    "view in place of a table": "DROP TABLE matches; CREATE VIEW matches AS WITH RECURSIVE n(x) AS"
    f" ({ENDLESS}) SELECT x AS image_a, x AS image_b, x AS data, x AS provenance FROM n",
    "view besides": "CREATE VIEW v AS SELECT * FROM parts",
    "virtual table": "CREATE VIRTUAL TABLE v USING fts5(x)",
    "table of another program": "CREATE TABLE notes (text)",
    "index": "CREATE INDEX i ON parts (name)",
    "index of an expression": "CREATE INDEX i ON parts (hex(zeroblob(1000000)))",
    "unique index": "CREATE UNIQUE INDEX i ON parts (name)",
    "check": "CREATE TABLE sqlite (x CHECK (length(hex(zeroblob(1000000000))) > 0))",
    "generated column": "ALTER TABLE parts ADD COLUMN x INT AS (id * 2)",
    "many tables": ";".join(f"CREATE TABLE t{number} (x)" for number in range(300)),
    "cascade": "DROP TABLE parts; CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, colour TEXT NOT NULL,"
    " position INTEGER NOT NULL, locked INTEGER NOT NULL, visible INTEGER NOT NULL REFERENCES skeletons (id)"
    " ON DELETE CASCADE)",
    "conflict": "DROP TABLE parts; CREATE TABLE parts (id INTEGER PRIMARY KEY ON CONFLICT IGNORE, name TEXT NOT NULL,"
    " colour TEXT NOT NULL, position INTEGER NOT NULL, locked INTEGER NOT NULL, visible INTEGER NOT NULL)",
}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("read_only", [True, False])
def test_what_no_project_has_is_refused_and_left_alone(project, what, read_only):
    before = changed(project, FOREIGN[what])
    with pytest.raises(ProjectError, match="holds what no project has") as caught:
        Document.open(project, read_only=read_only)
    assert caught.value.path == project
    assert caught.value.hint
    assert project.read_bytes() == before
    assert not project.with_name(project.name + ".lock").exists()


def test_a_name_is_shown_in_letters_that_do_nothing_to_a_terminal(project):
    changed(project, 'CREATE VIEW "\x1b[2J' + "x" * 500 + '" AS SELECT 1')
    with pytest.raises(ProjectError) as caught:
        Document.open(project)
    assert "?[2Jxxx" in str(caught.value)
    assert len(caught.value.what) < 150


@pytest.mark.parametrize(
    "script",
    [
        "DROP TABLE keypoints",
        "ALTER TABLE images RENAME COLUMN name TO title",
        "ALTER TABLE images ADD COLUMN note TEXT",
        "DROP TABLE settings; CREATE TABLE settings (key TEXT NOT NULL, value TEXT NOT NULL)",
        "DROP TABLE counters; CREATE TABLE counters (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)",
    ],
)
def test_where_a_table_or_column_is_not_ours_the_rest_is_shown_and_nothing_written(project, script):
    before = changed(project, script)
    with Document.open(project) as document:
        assert document.read_only
        assert document.why_read_only == "the file is damaged"
        assert len(document.parts) == 3
        with pytest.raises(OutputError, match="read-only"):
            document.apply(AddPart("new"))
    assert project.read_bytes() == before


def test_what_sqlite_itself_adds_is_no_stranger(project):
    changed(project, "ANALYZE; VACUUM")
    with Document.open(project) as document:
        assert not document.read_only


@pytest.mark.parametrize("what", ["silent trigger", "undoing trigger", "table of another program"])
def test_tables_changed_by_another_program_while_the_project_is_open_take_no_more_work(project, what):
    with Document.open(project) as document:
        document.apply(AddPart("before"))
        changed(project, FOREIGN[what])
        document.apply(AddPart("after"))
        assert not document.saved.saved
        assert "holds what no project has" in str(document.saved.error)
        with pytest.raises(ProjectError, match="holds what no project has"):
            document.save()
        other = project.with_name("other.counterpart")
        document.save_as(other)
    with Document.open(other) as document:
        assert [part.name for part in document.parts][-2:] == ["before", "after"]


def test_a_project_that_another_program_tidied_while_it_was_open_goes_on(project):
    with Document.open(project) as document:
        document.apply(AddPart("before"))
        changed(project, "ANALYZE")
        document.apply(AddPart("after"))
        assert document.saved.saved
        before = everything(document)
    with Document.open(project) as document:
        assert everything(document) == before


def test_a_file_from_elsewhere_is_read_with_sqlite_s_guards_up(project):
    store = Store.open(project)
    connection = store._connection
    assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
    assert connection.execute("PRAGMA cell_size_check").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() > (len(schema.TABLES),)
    with pytest.raises(sqlite3.DataError, match="too big"):
        connection.execute("SELECT zeroblob(200000000)")
    with pytest.raises(sqlite3.OperationalError, match="too many attached"):
        connection.execute("ATTACH ':memory:' AS other")
    store.close()


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
@pytest.mark.parametrize("suffix", ["", "-wal", "-journal", "-shm"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_pipes_devices_and_links_in_the_place_of_files_are_refused(project, suffix, kind):
    place = project.with_name("other.counterpart") if not suffix else project.with_name(project.name + suffix)
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "device":
        place.symlink_to("/dev/zero")
    else:
        place.mkdir()
    with pytest.raises(ProjectError) as caught:
        Document.open(place if not suffix else project)
    assert caught.value.path == (place if suffix else place.resolve())
    assert caught.value.hint


@pytest.mark.parametrize("name", ["a\0b.counterpart", "x" * 300 + ".counterpart", "loop"])
def test_a_path_that_no_file_can_have_is_an_error_with_its_name(tmp_path, name):
    if name == "loop" and os.name != "nt":
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for make in (Document.open, Document.new):
        with pytest.raises((ProjectError, OutputError)) as caught:
            make(tmp_path / name)
        assert caught.value.hint
