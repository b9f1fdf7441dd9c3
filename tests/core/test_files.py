"""Files appear whole or not at all, and what stands in the way is said plainly."""

import errno
import json
import os
import stat
import subprocess
import sys

import pytest

from counterpart.core import files, temporaries
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
        "from counterpart.core.files import atomic_folder, atomic_write, write_text\n"
        "from counterpart.core.temporaries import discard_unfinished\n"
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


# Permissions, links, what killed processes leave --------------------------------------------------------------------

POSIX = pytest.mark.skipif(os.name == "nt", reason="links and permissions of POSIX")


@POSIX
@pytest.mark.parametrize(("umask", "file_mode", "folder_mode"), [(0o002, 0o664, 0o775), (0o077, 0o600, 0o700)])
def test_new_files_and_folders_have_the_permissions_that_the_person_asks_for(tmp_path, umask, file_mode, folder_mode):
    code = (
        "import os, sqlite3, sys; from pathlib import Path\n"
        "from counterpart.core.files import atomic_folder, write_text\n"
        f"os.umask({umask}); root = Path(sys.argv[1])\n"
        "write_text(root / 'a.txt', 'x')\n"
        "for _ in range(2):\n"
        "    with atomic_folder(root / 'out') as folder: (folder / 'sub').mkdir(); (folder / 'sub' / 'b').touch()\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"a.txt": file_mode, "out": folder_mode, "sub": folder_mode, "b": file_mode, MANIFEST: file_mode}


@POSIX
def test_results_belong_to_the_group_of_the_folder_they_lie_in(tmp_path):
    tmp_path.chmod(0o2775)
    for _ in range(2):
        with atomic_folder(tmp_path / "out") as folder:
            (folder / "a").touch()
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) & stat.S_ISGID
    assert (tmp_path / "out" / "a").stat().st_gid == tmp_path.stat().st_gid


@POSIX
def test_a_link_is_replaced_and_what_it_leads_to_is_left(tmp_path):
    (tmp_path / "precious").write_text("x")
    (tmp_path / "out.txt").symlink_to(tmp_path / "precious")
    write_text(tmp_path / "out.txt", "new")
    assert (tmp_path / "precious").read_text() == "x"
    assert not (tmp_path / "out.txt").is_symlink()
    assert (tmp_path / "out.txt").read_text() == "new"


@POSIX
def test_a_pipe_and_a_link_to_a_device_are_no_files_to_write(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for name in ("pipe", "null"):
        with pytest.raises(OutputError, match="device or a pipe"):
            write_text(tmp_path / name, "x")
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)
    assert (tmp_path / "null").is_symlink()


def exported(target, *names):
    with atomic_folder(target) as folder:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"new {name}")


def claim(target, *names):
    (target / MANIFEST).write_text(json.dumps({"files": list(names)}))


@POSIX
@pytest.mark.parametrize("inside", [True, False], ids=["link within", "link to another folder"])
def test_an_export_neither_writes_nor_removes_through_a_linked_folder(tmp_path, inside):
    target = tmp_path / "export"
    real = target / "real" if inside else tmp_path / "elsewhere"
    real.mkdir(parents=True)
    (real / "a.txt").write_text("a person's")
    (target).mkdir(exist_ok=True)
    (target / "link").symlink_to(real)
    claim(target, "link/a.txt", "link/../elsewhere/a.txt")
    with pytest.raises(OutputError, match="not written by an export") as caught:
        exported(target, "link/a.txt")
    assert caught.value.path == target / "link"
    exported(target, "b.txt")
    assert (real / "a.txt").read_text() == "a person's"
    assert (target / "link").is_symlink()


@POSIX
@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_in_the_place_of_a_result_is_a_strangers_whatever_the_manifest_says(tmp_path, dangling):
    target = tmp_path / "export"
    target.mkdir()
    if not dangling:
        (tmp_path / "precious").write_text("x")
    (target / "a.txt").symlink_to(tmp_path / "precious")
    claim(target, "a.txt")
    with pytest.raises(OutputError, match="not written by an export"):
        exported(target, "a.txt")
    exported(target, "b.txt")
    assert (target / "a.txt").is_symlink()
    assert dangling or (tmp_path / "precious").read_text() == "x"


@POSIX
@pytest.mark.parametrize("kind", ["link", "pipe", "endless"])
def test_a_manifest_that_is_no_file_is_not_read_and_not_replaced(tmp_path, kind):
    target = tmp_path / "export"
    target.mkdir()
    (target / "mine.txt").write_text("a person's")
    (tmp_path / "list.json").write_text(json.dumps({"files": ["mine.txt"]}))
    if kind == "pipe":
        os.mkfifo(target / MANIFEST)
    else:
        (target / MANIFEST).symlink_to(tmp_path / "list.json" if kind == "link" else "/dev/zero")
    with pytest.raises(OutputError, match="not written by an export"):
        exported(target, "a.txt")
    assert (target / "mine.txt").read_text() == "a person's"
    assert not (target / "a.txt").exists()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"files": 3}', "{", '{"files": ["a\\u0000b", "./new.txt", "", "."]}'])
def test_a_manifest_that_makes_no_sense_owns_nothing(tmp_path, text):
    target = tmp_path / "export"
    target.mkdir()
    (target / "mine.txt").write_text("a person's")
    (target / MANIFEST).write_text(text)
    exported(target, "new.txt")
    assert listing(target) == [MANIFEST, "mine.txt", "new.txt"]
    assert json.loads((target / MANIFEST).read_text()) == {"files": ["new.txt"]}


def test_an_old_name_that_this_disk_takes_for_a_new_one_is_not_removed(tmp_path):
    target = tmp_path / "export"
    exported(target, "Wing.png")
    (target / "mine.txt").write_text("a person's")
    (target / "wing.png").unlink(missing_ok=True)
    os.link(target / "Wing.png", tmp_path / "kept")
    exported(target, "wing.png")
    one_name = (target / "WING.PNG").exists()
    assert listing(target) == [MANIFEST, "mine.txt", "wing.png"]
    assert (target / "wing.png").read_text() == "new wing.png" or one_name


@POSIX
def test_the_folder_itself_may_be_a_link(tmp_path):
    for name, others in (("empty", ()), ("full", ("mine.txt",))):
        (tmp_path / name).mkdir()
        for other in others:
            (tmp_path / name / other).write_text("a person's")
        (tmp_path / f"to {name}").symlink_to(tmp_path / name)
        for _ in range(2):
            exported(tmp_path / f"to {name}", "sub/a.txt")
        assert listing(tmp_path / name) == sorted([MANIFEST, *others, "sub/a.txt"])
        assert (tmp_path / f"to {name}").is_symlink()


def test_a_process_killed_while_it_moves_files_in_leaves_none_that_the_next_does_not_know(tmp_path):
    target = tmp_path / "export"
    exported(target, "a.txt", "b.txt")
    (target / "mine.txt").write_text("a person's")
    code = (
        "import os, sys; from pathlib import Path; from counterpart.core import files\n"
        "moves = []\n"
        "def replace(self, other, move=Path.replace):\n"
        "    moves.append(other)\n"
        "    if len(moves) == 3: os._exit(9)\n"  # the list, one file, and no further
        "    return move(self, other)\n"
        "Path.replace = replace\n"
        "with files.atomic_folder(Path(sys.argv[1])) as folder:\n"
        "    for name in ('c.txt', 'd.txt', 'e.txt'): (folder / name).write_text(name)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(target)], check=False).returncode == 9
    assert listing(target) == [MANIFEST, "a.txt", "b.txt", "c.txt", "mine.txt"]
    exported(target, "d.txt")
    assert listing(tmp_path) == [f"export/{name}" for name in (MANIFEST, "d.txt", "mine.txt")]


def test_a_system_that_cannot_exchange_names_moves_the_old_folder_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_exchange_names", lambda: None)
    for name in ("a.txt", "b.txt"):
        exported(tmp_path / "export", name)
    assert listing(tmp_path) == [f"export/{MANIFEST}", "export/b.txt"]


KILLED = """
import os, sys
from pathlib import Path
from counterpart.core import files, temporaries
root, what = Path(sys.argv[1]), sys.argv[2]
if what == "file":
    with files.atomic_write(root / "a.txt", "w") as handle:
        handle.write("half"); handle.flush(); os._exit(9)
files._exchange_names = lambda: None
renames = []
def rename(self, other, move=Path.rename):
    renames.append(other)
    if what == "moved" and len(renames) == 2: os._exit(9)
    return move(self, other)
Path.rename = rename
with files.atomic_folder(root / "export") as folder:
    (folder / "new.txt").write_text("new")
    if what == "folder": os._exit(9)
"""


@pytest.mark.parametrize("what", ["file", "folder", "moved"])
def test_what_a_killed_process_leaves_goes_with_the_next_one_that_writes_there(tmp_path, what):
    exported(tmp_path / "export", "old.txt")
    stranger = tmp_path / ".counterpart-mine.tmp"
    stranger.write_text("a person's")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), what], check=False)
    assert killed.returncode == 9
    (left,) = [path for path in tmp_path.glob(".counterpart-*") if path != stranger]
    write = "import sys; from pathlib import Path; from counterpart.core.files import write_text\n"
    write += "write_text(Path(sys.argv[1]) / 'b.txt', 'b')"
    subprocess.run([sys.executable, "-c", write, str(tmp_path)], check=True)
    whole = "export/new.txt" if what == "moved" else "export/old.txt"
    assert listing(tmp_path) == [stranger.name, "b.txt", f"export/{MANIFEST}", whole]
    assert not left.exists()


def test_only_what_is_abandoned_is_swept_away(tmp_path):
    own, gone, other = os.getpid(), dead_process(), "0" * 8
    number, living = temporaries.make_file(tmp_path)
    os.close(number)
    computer = living.name.split("-")[1]
    kept = {
        f".counterpart-{computer}-{own}-0123456789ab.tmp": True,
        f".counterpart-{computer}-{os.getppid()}-0123456789ab.tmp": True,
        f".counterpart-{computer}-{gone}-0123456789ab.tmp": False,
        f".counterpart-{computer}-{gone}-0123456789ab.tmp-journal": False,
        f".counterpart-{computer}-{gone}-0123456789ab.tmp.txt": True,
        f".counterpart-{computer}-{gone}-short.tmp": True,
        f".counterpart-{other}-{gone}-0123456789ab.tmp": True,
        f".counterpart-{other}-{gone}-ba9876543210.tmp": False,
    }
    for name in kept:
        (tmp_path / name).write_text("x")
    os.utime(tmp_path / f".counterpart-{other}-{gone}-ba9876543210.tmp", (1, 1))
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "a").touch()
    link = tmp_path / f".counterpart-{computer}-{gone}-aaaaaaaaaaaa.tmp"
    if os.name != "nt":
        link.symlink_to(precious)
    temporaries.sweep(tmp_path)
    assert {name: (tmp_path / name).exists() for name in kept} == kept
    assert living.exists()
    assert not link.is_symlink()
    assert (precious / "a").exists()
    temporaries.discard(living)


def dead_process():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_a_name_as_long_as_the_disk_takes_can_be_written(tmp_path):
    name = "ü" * 127
    write_text(tmp_path / name, "x")
    assert listing(tmp_path) == [name]
    exported(tmp_path / f"{name[:-1]}o", "a")
    with pytest.raises(OutputError, match="too long"):
        write_text(tmp_path / (name + "üü"), "x")


def test_json_takes_paths_whose_names_are_in_an_unknown_encoding(tmp_path):
    write_json(tmp_path / "a.json", {"file": "caf\udce9/ü.jpg"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"file": "caf\udce9/ü.jpg"}
    write_json(tmp_path / "b.json", {"file": "ü"})
    assert "ü" in (tmp_path / "b.json").read_text(encoding="utf-8")
