"""Parts of the whole set in the real window: split one in two, keep the parts as a codebook."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from counterpart.core.project.commands import DeleteParts
from counterpart.desktop.find.codebooks import split_job

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def ran(qtbot, opened):
    """The window after parts were found."""
    qtbot.mouseClick(opened.finding.panel.button, LEFT)
    qtbot.waitUntil(lambda: bool(opened.bench.session.document.parts) and not opened.bench.jobs.busy)
    return opened


def areas(window):
    document = window.bench.session.document
    return {image: document.label_map(image).areas() for image in document.image_ids}


def test_a_part_is_split_on_all_images_as_one_step(qtbot, ran, monkeypatch):
    document = ran.bench.session.document
    part = document.parts[0]
    before = areas(ran)
    # What the fake features say is alike everywhere: divide by place instead, as the model would by looks.

    def stripes(_choice, refs, labels, part):
        def run(_backend, _ctx):
            from counterpart.core.project.tiles import pack_labels

            out = {}
            for image in refs:
                mask = labels[image].unpack() == part
                out[image] = pack_labels((mask * (1 + np.arange(mask.shape[0]) % 2)[:, None]).astype(np.uint8))
            return out

        return run

    monkeypatch.setattr("counterpart.desktop.find.codebooks.split_job", stripes)
    ran.parts.commands.choose(part.id)
    ran.bench.actions["split_part"].trigger()
    qtbot.waitUntil(lambda: len(document.parts) == 3)
    new = document.parts[-1]
    assert new.name == f"{part.name} 2"
    for image, now in areas(ran).items():
        assert now[part.id] + now[new.id] == before[image][part.id]
    assert new.name in ran.bench.layout.notice.text
    ran.bench.actions["undo"].trigger()
    assert areas(ran) == before
    assert len(document.parts) == 2


def test_a_part_that_is_deleted_while_it_is_split_stays_deleted(qtbot, ran):
    document = ran.bench.session.document
    part = document.parts[0]
    ran.finding.codebooks.split(part.id)
    ran.bench.session.do(DeleteParts([part.id]))
    qtbot.waitUntil(lambda: not ran.bench.jobs.busy, timeout=20_000)
    assert [each.id for each in document.parts] == [2]
    assert "deleted while" in ran.bench.layout.notice.text


def test_the_legends_menu_splits_a_part(ran):
    part = ran.bench.session.document.parts[0]
    ran.parts.panel.lock_part.emit(part.id, True)
    ran.parts.panel.wanted.emit("split", [part.id])
    assert f"{part.name} is locked" in ran.bench.layout.notice.text


def test_without_an_active_part_a_split_says_what_to_do(ran):
    ran.finding.codebooks.split(0)
    assert "Choose the part" in ran.bench.layout.notice.text


def test_a_split_uses_what_lies_under_the_part(ran):
    from counterpart.core.jobs import JobContext
    from counterpart.desktop.jobs.backend import ModelChoice
    from tests.desktop.fakes import FakeBackend

    document = ran.bench.session.document
    part = document.parts[0].id
    labels = {image: document.packed_labels(image) for image in document.image_ids}
    refs = {image: document.image_ref(image) for image in document.image_ids}
    found = split_job(ModelChoice(), refs, labels, part)(FakeBackend(), JobContext())
    for image, packed in found.items():
        np.testing.assert_array_equal(packed.unpack() > 0, labels[image].unpack() == part)
    assert {value for packed in found.values() for value in packed.areas} == {1, 2}


def test_a_locked_part_is_not_split_and_says_so(ran):
    part = ran.bench.session.document.parts[0]
    ran.parts.panel.lock_part.emit(part.id, True)
    ran.finding.codebooks.split(part.id)
    assert "locked" in ran.bench.layout.notice.text
    assert len(ran.bench.session.document.parts) == 2


def test_without_found_parts_there_is_nothing_to_keep_as_a_codebook(ran):
    ran.bench.actions["save_codebook"].trigger()
    assert (
        "Find parts first" in ran.bench.layout.notice.text or "Press Find parts first" in ran.bench.layout.notice.text
    )


def test_a_file_that_is_no_codebook_is_named(ran, tmp_path):
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"not a codebook")
    ran.bench.actions["apply_codebook"].trigger()
    assert any(isinstance(each, QFileDialog) and each.isVisible() for each in ran.findChildren(QFileDialog))
    ran.finding.codebooks.apply(wrong)
    assert "wrong.safetensors" in ran.bench.layout.notice.text
