"""The lock beside a project: one writer, told by name, and nothing else under that name is followed or written."""

import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from counterpart.core.errors import OutputError
from counterpart.core.project.commands import AddPart
from counterpart.core.project.document import Document
from counterpart.core.project.lock import ProjectLock

POSIX = pytest.mark.skipif(os.name == "nt", reason="links and permissions of POSIX")
SIGNED = {"user": "anna", "host": "lab-3", "since": "2026-01-02 03:04", "process": 1}


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "p.counterpart"
    Document.new(path).close()
    return path


def held(project):
    return project.with_name(project.name + ".lock")


def something_else(kind, lock, precious):
    if kind == "link":
        lock.symlink_to(precious)
    elif kind == "link to nothing":
        lock.symlink_to(precious.with_name("new"))
    elif kind == "second name of a file":
        os.link(precious, lock)
    elif kind == "pipe":
        os.mkfifo(lock)
    elif kind == "folder":
        lock.mkdir()
    elif kind == "text":
        lock.write_text("a person's")
    elif kind == "large":
        lock.write_bytes(json.dumps(SIGNED).encode() + b" " * 5000)
    else:
        lock.write_text("[" * 4000)


KINDS = ["link", "link to nothing", "second name of a file", "pipe", "folder", "text", "large", "deep"]


@POSIX
@pytest.mark.parametrize("kind", KINDS)
def test_what_has_the_lock_s_name_and_is_none_is_neither_followed_nor_written(project, kind):
    precious = project.with_name("precious")
    precious.write_text(json.dumps(SIGNED))
    something_else(kind, held(project), precious)
    before = held(project).lstat()
    with Document.open(project) as document:
        assert document.read_only
        assert str(held(project)) in document.why_read_only
    with pytest.raises(OutputError, match="something else") as caught:
        Document.new(project, overwrite=True)
    assert caught.value.path == held(project)
    assert caught.value.hint
    assert held(project).lstat().st_ino == before.st_ino
    assert precious.read_text() == json.dumps(SIGNED)
    assert not precious.with_name("new").exists()


@pytest.mark.parametrize("text", ["", json.dumps(SIGNED)])
def test_a_lock_that_a_killed_process_left_is_taken_over(project, text):
    held(project).write_text(text)
    with Document.open(project) as document:
        assert not document.read_only
        assert json.loads(held(project).read_bytes())["process"] == os.getpid()
    assert not held(project).exists()


def test_who_holds_it_is_told_in_letters_that_do_nothing_to_a_terminal(project):
    lock = ProjectLock(project)
    assert lock.holder() == "another window"
    held(project).write_text(json.dumps(SIGNED))
    assert lock.holder() == "anna on lab-3 since 2026-01-02 03:04"
    held(project).write_text(json.dumps({**SIGNED, "user": "\x1b[2Janna\n" + "x" * 1000}))
    assert lock.holder().startswith("?[2Janna?xxx")
    assert len(lock.holder()) < 200


COLLEAGUE = """
import os, sys
from pathlib import Path
from counterpart.core.project.document import Document
os.setgid(65534), os.setuid(65534)
with Document.open(Path(sys.argv[1])) as document:
    print(document.why_read_only or "writable")
"""


@POSIX
@pytest.mark.skipif(os.name != "nt" and os.getuid() != 0, reason="only the administrator can be two people")
def test_a_colleague_s_lock_holds_while_they_work_and_not_when_their_process_is_gone():
    with tempfile.TemporaryDirectory() as name:  # not pytest's own folder, which is private
        project = Path(name) / "p.counterpart"
        document = Document.new(project)
        project.parent.chmod(0o777)
        project.chmod(0o666)
        held(project).chmod(0o644)

        def opened_by_a_colleague():
            code = [sys.executable, "-c", COLLEAGUE, str(project)]
            return subprocess.run(code, capture_output=True, text=True, check=True).stdout.strip()

        assert opened_by_a_colleague().startswith("it is open in another window (")
        document.close()
        held(project).write_text(json.dumps(SIGNED))
        held(project).chmod(0o644)
        assert opened_by_a_colleague() == "writable"
        assert not held(project).exists()


LOOKING = """
import os, sys
from pathlib import Path
from counterpart.core.project.document import Document
from counterpart.core.project.commands import AddPart
os.setgid(65534), os.setuid(int(sys.argv[2]))
with Document.open(Path(sys.argv[1])) as document:
    if not document.read_only:
        document.apply(AddPart("wing"))
    print(document.why_read_only or document.saved.error or "written")
"""


@POSIX
@pytest.mark.skipif(os.name != "nt" and os.getuid() != 0, reason="only the administrator can be two people")
def test_a_colleague_who_looked_at_a_project_does_not_keep_its_owner_out():
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "p.counterpart"
        Document.new(project).close()
        project.parent.chmod(0o777)
        os.chown(project, 65533, 65534)
        said = []
        for person in (65534, 65533):
            code = [sys.executable, "-c", LOOKING, str(project), str(person)]
            said.append(subprocess.run(code, capture_output=True, text=True, check=True).stdout.strip())
            assert person == 65533 or project.with_name(project.name + "-shm").stat().st_uid == 65534
        assert said == ["there is no permission to write the file", "written"]


@POSIX
@pytest.mark.parametrize(("umask", "mode"), [(0o002, 0o664), (0o022, 0o644), (0o077, 0o600)])
def test_a_project_has_the_permissions_that_the_person_asks_for(tmp_path, umask, mode):
    path = tmp_path / "p.counterpart"
    before = os.umask(umask)
    try:
        with Document.new(path) as document:
            document.apply(AddPart("wing"))
            found = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
            document.save_as(tmp_path / "q.counterpart")
    finally:
        os.umask(before)
    assert found == dict.fromkeys((path.name, *(path.name + suffix for suffix in (".lock", "-wal", "-shm"))), mode)
    assert stat.S_IMODE((tmp_path / "q.counterpart").stat().st_mode) == mode
    (tmp_path / "q.counterpart").chmod(0o660)
    Document.new(tmp_path / "q.counterpart", overwrite=True).close()
    assert stat.S_IMODE((tmp_path / "q.counterpart").stat().st_mode) == 0o660
