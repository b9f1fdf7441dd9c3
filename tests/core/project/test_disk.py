"""Disks that fill up, folders that nobody may write: real ones. Work stays in memory and is saved later."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import OutputError
from counterpart.core.formats import FORMATS, ExportOptions, export_project
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import silent
from counterpart.core.project.changes import SavedChanged
from counterpart.core.project.commands import AddImages, AddPart, NewImage, Paint, ReplaceMasks
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from tests.core.project_tools import everything, filled

ROOT = Path(__file__).resolve().parents[3]
NOISE = np.random.default_rng(0).random((300, 270)) > 0.5


def stroke(number):
    """A stroke that takes tens of kilobytes, whatever is under it."""
    return Paint(1 + number % 3, 1 + number % 2, (0, 0, 300, 270), np.roll(NOISE, 7 * number, axis=1))


def paint_until_full(document, history, most=200):
    for number in range(most):
        history.push(stroke(number))
        if not document.saved.saved:
            return number
    raise AssertionError("the disk is larger than expected")


def work_on_a_full_disk(document, history, make_room, words="disk is full"):
    """What a person lives through; the document is open again and whole at the end."""
    told = []
    document.subscribe(told.append)
    paint_until_full(document, history)
    assert words in str(document.saved.error)
    assert document.saved.error.hint
    assert [change.saved for change in told if isinstance(change, SavedChanged)][-1] is False
    history.push(AddPart("made on a full disk"))
    history.undo()
    history.redo()
    with pytest.raises(OutputError, match=words):
        document.save()
    assert document.parts[-1].name == "made on a full disk"
    before = everything(document)
    path = document.path
    with Document.open(path, read_only=True) as other:
        assert other.parts[-1].name != "made on a full disk", "what is in the file is whole, and older"
        assert other._store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    make_room()
    document.save()
    assert document.saved.saved
    assert document.saved.error is None
    document.close()
    with Document.open(path) as again:
        assert everything(again) == before
        assert again._store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_that_may_not_grow_keeps_the_work_in_memory_until_it_may(tmp_path):
    document = filled(Document.new(tmp_path / "p.counterpart"), tmp_path)
    connection = document._store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 20}").fetchone()

    def make_room():
        connection.execute("PRAGMA max_page_count = 100000").fetchone()

    work_on_a_full_disk(document, History(document), make_room)


LIMITED = """
import resource, signal, sys
from pathlib import Path
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from tests.core.project_tools import filled
from tests.core.project.test_disk import work_on_a_full_disk

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
document = filled(Document.new(Path(sys.argv[1]) / "p.counterpart"), Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
make_room = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
work_on_a_full_disk(document, History(document), make_room, "disk did not take")
print("whole")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_limit_of_the_system_on_files_is_met_like_a_full_disk(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "whole"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, of one megabyte, where the system lets a test have one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("needs the right to mount a disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], capture_output=True, check=True)


def test_a_full_disk_keeps_the_work_in_memory_until_there_is_room(small_disk, tmp_path):
    document = filled(Document.new(small_disk / "p.counterpart"), tmp_path)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(500_000))
    work_on_a_full_disk(document, History(document), filler.unlink)


def test_work_on_a_full_disk_can_go_to_another(small_disk, tmp_path):
    document = filled(Document.new(small_disk / "p.counterpart"), tmp_path)
    paint_until_full(document, History(document))
    before = everything(document)
    with pytest.raises(OutputError, match="disk is full"):
        document.save_as(small_disk / "second.counterpart")
    assert sorted(path.name for path in small_disk.iterdir() if "second" in path.name and path.suffix != ".lock") == []
    document.save_as(tmp_path / "elsewhere.counterpart")
    assert document.saved.saved
    document.close()
    with Document.open(tmp_path / "elsewhere.counterpart") as again:
        assert {name: rows for name, rows in everything(again).items() if name != "roots"} == {
            name: rows for name, rows in before.items() if name != "roots"
        }


READ_ONLY = """
import os, sys
from pathlib import Path
from counterpart.core.errors import OutputError
from counterpart.core.project.commands import AddPart
from counterpart.core.project.document import Document

path = Path(sys.argv[1])
if os.getuid() == 0:
    os.setgid(65534), os.setuid(65534)  # the administrator may write anywhere
with Document.open(path) as document:
    assert document.read_only
    assert "no permission" in document.why_read_only, document.why_read_only
    assert [part.name for part in document.parts] == ["part 1", "part 2", "part 3"]
    try:
        document.apply(AddPart("x"))
    except OutputError as error:
        assert "read-only" in str(error) and error.hint
    else:
        raise AssertionError("written")
    if not os.access(path.parent, os.W_OK):
        try:
            document.save_as(path.with_name("copy.counterpart"))
        except OutputError as error:
            assert "no permission" in str(error)
        else:
            raise AssertionError("written")
print("whole")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o555, 0o644), (0o777, 0o444), (0o555, 0o444)])
def test_a_folder_or_file_that_may_not_be_written_opens_to_look_and_says_why(folder_mode, file_mode):
    with tempfile.TemporaryDirectory() as name:  # not pytest's own folder, which is private
        folder = Path(name)
        filled(Document.new(folder / "p.counterpart"), folder).close()
        (folder / "p.counterpart").chmod(file_mode)
        folder.chmod(folder_mode)
        before = (folder / "p.counterpart").read_bytes()
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(folder / "p.counterpart")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        folder.chmod(0o755)
        assert done.stdout.strip() == "whole", done.stderr
        assert (folder / "p.counterpart").read_bytes() == before


# Exports ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    """Twelve labelled images."""
    (tmp_path / "photos").mkdir()
    for number in range(12):
        Image.fromarray(np.zeros((60, 80, 3), np.uint8)).save(tmp_path / "photos" / f"{number}.png")
    document = Document.untitled()
    document.add_images(find_images([tmp_path / "photos"]))
    document.apply(AddPart("wing"))
    labels = np.kron(np.random.default_rng(1).integers(0, 2, (12, 16)), np.ones((5, 5), int)).astype(np.uint8)
    document.apply(ReplaceMasks(dict.fromkeys(document.image_ids, labels)))
    return document


def contents(path):
    if path.is_file():
        return path.read_bytes()
    return {child.relative_to(path).as_posix(): child.read_bytes() for child in path.rglob("*") if child.is_file()}


@pytest.mark.parametrize("name", ["coco", "npz", "cvat", "indexed-png", "labelme", "yolo-seg", "voc"])
def test_an_export_to_a_full_disk_leaves_the_old_one_whole(small_disk, project, name):
    target = small_disk / f"out{FORMATS[name].suffix}"
    export_project(project, name, target, ExportOptions(image_ids=(1, 2)), silent())
    before = contents(target)
    free = os.statvfs(small_disk)
    (small_disk / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize))
    with pytest.raises(OutputError, match="disk is full"):
        export_project(project, name, target, ExportOptions(), silent())
    assert contents(target) == before
    assert sorted(path.name for path in small_disk.iterdir()) == sorted([target.name, "filler"]), "no debris"


EXPORTING = """
import sys
from pathlib import Path
from counterpart.core.formats import ExportOptions, export_project
from counterpart.core.jobs import silent
from counterpart.core.project.document import Document

path, name, target = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
with Document.open(path, read_only=True) as document:
    choices = [ExportOptions(image_ids=tuple(range(1, 5))), ExportOptions(image_ids=tuple(range(5, 13)))]
    for number in range(10_000):
        export_project(document, name, target, choices[number % 2], silent())
        if number == 1:
            print("ready", flush=True)
"""


@pytest.mark.parametrize("name", ["coco", "indexed-png"])
def test_a_killed_export_leaves_the_old_or_the_new_whole(project, tmp_path, name):
    project.save_as(tmp_path / "p.counterpart")
    target = tmp_path / f"out{FORMATS[name].suffix}"
    allowed = []
    for ids in (range(1, 5), range(5, 13)):
        export_project(
            project, name, tmp_path / "whole" / str(ids.start) / target.name, ExportOptions(tuple(ids)), silent()
        )
        allowed.append(contents(tmp_path / "whole" / str(ids.start) / target.name))
    project.close()
    rng = np.random.default_rng(0)
    for _ in range(3):
        arguments = [sys.executable, "-c", EXPORTING, str(tmp_path / "p.counterpart"), name, str(target)]
        with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as exporter:
            assert exporter.stdout.readline() == "ready\n"
            time.sleep(float(rng.uniform(0, 0.1)))
            os.kill(exporter.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        assert contents(target) in allowed


def test_images_of_a_project_are_added_though_the_disk_is_full(small_disk, tmp_path):
    document = Document.new(small_disk / "p.counterpart")
    many = [NewImage(tmp_path / f"{number}.jpg", f"{'x' * 200}/{number}.jpg") for number in range(5000)]
    document.apply(AddImages(many))
    assert len(document) == 5000
    assert not document.saved.saved
    document.save_as(tmp_path / "large.counterpart")
    assert document.saved.saved
    document.close()
