"""Short variants of the long runs: an editor killed, random commands, damaged projects, spoilt files, odd folders."""

import sys
from collections import Counter

import numpy as np
import pytest

from counterpart.core.project.document import Document
from tests.core.project_tools import everything
from tests.soak import bits, commands, damage, exports, folders, forged, images, imports, kill


def test_a_killed_editor_loses_nothing_that_was_shown_as_saved(tmp_path):
    report = kill.run(tmp_path, 12, seed=500, longest=0.3)
    assert report["kills"] == 12
    assert report["steps_shown_as_saved"] > 12


def test_undoing_all_gives_the_start_and_redoing_all_the_end_with_commands_of_every_kind(tmp_path):
    report = commands.run(tmp_path, 420, seed=1)
    assert report["kinds_left_out"] == [], "a new command needs an entry in project_tools._COMMANDS"
    assert report["steps_undone_and_redone"] > 200


def test_every_command_is_among_those_that_are_played():
    assert len(commands.all_kinds()) >= 33


def test_what_can_be_read_of_a_damaged_project_is_right_and_the_file_is_left_alone(tmp_path):
    report = damage.run(tmp_path, 40, seed=7)
    assert report["damaged"] == 40
    assert any("some images" in kind for kind in report)


def test_a_killed_export_leaves_the_old_or_the_new_and_nobody_else_s_files_changed(tmp_path):
    assert exports.run(tmp_path, 4, seed=3)["killed"] == 4


def test_a_project_in_which_anybody_put_anything_is_refused_by_name_or_used_and_never_crashes(tmp_path):
    report = forged.run(tmp_path, 25, seed=4)
    assert report["forged"] == 25
    assert {"refused", "usable"} <= set(report)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_project_that_was_cut_off_shows_what_is_left_of_it(tmp_path, share):
    path = tmp_path / "a.counterpart"
    data = damage.sample(path)
    right = damage.truth(path)
    path.write_bytes(data[: int(len(data) * share)])
    with Document.open(path) as document:
        assert document.read_only
        assert "damaged" in document.why_read_only
        assert document.problems
        kept = len(document)
        document.save_as(tmp_path / "rescued.counterpart")
    assert path.stat().st_size == int(len(data) * share)
    assert kept > 0
    with Document.open(tmp_path / "rescued.counterpart") as document:
        assert not document.problems
        whole = [image for image in document.image_ids if _same(document, image, right)]
        assert document._store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert everything(document)["images"]
    assert share < 0.9 or whole, "most of the file is there, so are labels"


def _same(document, image, right):
    label_map = document.label_map(image)
    return label_map is not None and np.array_equal(label_map.labels, right[image])


@pytest.mark.parametrize("name", imports.READABLE)
def test_spoilt_files_are_refused_by_name_or_read_and_never_crash(tmp_path, name):
    if not hasattr(imports.signal, "alarm"):
        pytest.skip(f"{sys.platform} has no alarm to end what hangs")
    results = imports.fuzz(tmp_path, name, 12, seed=3)
    assert sum(results.values()) == 12
    assert isinstance(results, Counter)


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text, and an alarm to end what hangs")
def test_folders_are_searched_to_their_end_and_replaced_photographs_falsify_no_label(tmp_path):
    report = folders.run(tmp_path, 1, seed=4)
    assert report["folders"] == report["searched"] == 1
    assert report["refused: aside"] > 0


def test_damaged_features_are_never_used_and_damaged_checkpoints_are_refused_or_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTERPART_MODELS", str(tmp_path / "models"))  # given back afterwards
    report = bits.run(tmp_path, 25, seed=1)
    assert report["damaged"] == 25
    assert report["cache: computed again"] > 0


def test_a_damaged_image_is_an_image_or_one_error(tmp_path):
    files = images.samples()
    rng = np.random.default_rng(0)
    assert len(files) > 60
    for name, data in files.items():
        path = tmp_path / name
        path.write_bytes(images.damaged(data, rng)[1])
        images.look(path)
