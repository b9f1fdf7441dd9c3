"""Files appear whole or not at all, and what stands in the way is said plainly."""

import errno
import json
import os
import stat
import subprocess
import sys

import pytest

from counterpart.core.errors import OutputError
from counterpart.core.files import MANIFEST, atomic_folder, atomic_write, output_error, write_json, write_text


def listing(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_file_appears_only_when_it_is_complete(tmp_path):
    target = tmp_path / "new" / "ünï 图.txt"
    with atomic_write(target, "w") as handle:
        handle.write("half")
        assert not target.exists()
        handle.write(" and half\n")
    assert target.read_bytes() == b"half and half\n"
    assert listing(tmp_path) == ["new/ünï 图.txt"]


def test_an_error_leaves_the_old_file_and_no_debris(tmp_path):
    target = tmp_path / "kept.txt"
    target.write_text("old")

    def fail_on_the_way():
        with atomic_write(target, "w") as handle:
            handle.write("new")
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail_on_the_way()
    assert target.read_text() == "old"
    assert listing(tmp_path) == ["kept.txt"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_permissions_are_the_usual_ones_or_those_of_the_file_replaced(tmp_path):
    write_text(tmp_path / "new.txt", "x")
    plain = tmp_path / "plain.txt"
    plain.write_text("x")
    assert stat.S_IMODE((tmp_path / "new.txt").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    plain.chmod(0o640)
    write_text(plain, "y")
    assert stat.S_IMODE(plain.stat().st_mode) == 0o640


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full") as caught:
        write_text(tmp_path / "a.txt", "x")
    assert caught.value.path == tmp_path / "a.txt"
    assert listing(tmp_path) == []


def test_a_folder_in_the_way_is_said(tmp_path):
    (tmp_path / "out.json").mkdir()
    with pytest.raises(OutputError, match="in the way"):
        write_text(tmp_path / "out.json", "x")


def test_a_file_where_a_folder_should_be_is_said(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="in the way"):
        write_text(tmp_path / "file" / "out.json", "x")
    with pytest.raises(OutputError, match="in the way"), atomic_folder(tmp_path / "file"):
        pass


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "no permission"),
        (errno.EROFS, "no permission"),
        (errno.EDQUOT, "disk is full"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.EIO, "Input/output"),
    ],
)
def test_every_kind_of_refusal_has_its_own_words(code, words):
    error = output_error(OSError(code, os.strerror(code)), "there")
    assert words in str(error)
    assert error.hint


def test_an_error_about_another_file_is_not_blamed_on_the_target(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "out.txt", "w"):
        (tmp_path / "source.txt").read_text()


def test_json_with_nan_is_refused_and_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"score": float("nan")})
    assert listing(tmp_path) == []


def test_a_folder_appears_only_when_it_is_complete(tmp_path):
    target = tmp_path / "export"
    with atomic_folder(target) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "a.txt").write_text("a")
        assert not target.exists()
    assert listing(target) == [MANIFEST, "deep/a.txt"]
    assert json.loads((target / MANIFEST).read_text()) == {"files": ["deep/a.txt"]}


def test_an_error_leaves_the_old_folder(tmp_path):
    target = tmp_path / "export"
    with atomic_folder(target) as folder:
        (folder / "a.txt").write_text("old")

    def fail_on_the_way():
        with atomic_folder(target) as folder:
            (folder / "a.txt").write_text("new")
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail_on_the_way()
    assert (target / "a.txt").read_text() == "old"
    assert listing(tmp_path) == [f"export/{MANIFEST}", "export/a.txt"]


def test_a_second_export_replaces_the_first_and_keeps_strangers(tmp_path):
    target = tmp_path / "export"
    with atomic_folder(target) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "gone.txt").write_text("1")
        (folder / "kept.txt").write_text("1")
    (target / "mine.txt").write_text("a person's")
    with atomic_folder(target) as folder:
        (folder / "kept.txt").write_text("2")
    assert listing(target) == [MANIFEST, "kept.txt", "mine.txt"]
    assert (target / "kept.txt").read_text() == "2"
    assert not (target / "sub").exists()


def test_a_strangers_file_is_never_overwritten(tmp_path):
    target = tmp_path / "photos"
    target.mkdir()
    (target / "a.png").write_text("a person's")

    def export():
        with atomic_folder(target) as folder:
            (folder / "0.png").write_text("first")
            (folder / "a.png").write_text("new")

    with pytest.raises(OutputError, match="not written by an export"):
        export()
    assert listing(target) == ["a.png"]
    assert (target / "a.png").read_text() == "a person's"


def test_a_forged_manifest_cannot_reach_outside_the_folder(tmp_path):
    target = tmp_path / "export"
    target.mkdir()
    (tmp_path / "precious.txt").write_text("x")
    absolute = str(tmp_path / "precious.txt")
    (target / MANIFEST).write_text(json.dumps({"files": ["../precious.txt", absolute]}))
    with atomic_folder(target) as folder:
        (folder / "a.txt").write_text("a")
    assert (tmp_path / "precious.txt").exists()


def test_what_is_half_written_is_removed_by_a_process_that_ends_at_once(tmp_path):
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from counterpart.core.files import atomic_folder, atomic_write, discard_unfinished, write_text\n"
        "root = Path(sys.argv[1])\n"
        "write_text(root / 'whole.txt', 'whole')\n"
        "with atomic_write(root / 'a.bin') as handle, atomic_folder(root / 'b') as folder:\n"
        "    handle.write(b'half')\n"
        "    (folder / 'x.txt').write_text('half')\n"
        "    assert len(list(root.iterdir())) == 3\n"
        "    discard_unfinished()\n"
        "    os._exit(130)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == 130
    assert listing(tmp_path) == ["whole.txt"]
