"""Unpacked label maps: those given away never change, and a change costs its tiles, not the map."""

import numpy as np
import pytest

from counterpart.core.project.commands import AddImages, AddPart, NewImage, Paint, ReplaceMasks, SetLabels
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from counterpart.core.project.rows import read_labels

HW = (600, 800)


@pytest.fixture
def document(tmp_path):
    document = Document.untitled()
    document.apply(AddImages([NewImage(tmp_path / "a.jpg", "a.jpg", width=HW[1], height=HW[0])]))
    for number in range(4):
        document.apply(AddPart(f"part {number + 1}"))
    return document


def stroke(rng):
    top, left = rng.integers(0, HW[0] - 20), rng.integers(0, HW[1] - 20)
    bottom, right = min(top + rng.integers(5, 300), HW[0]), min(left + rng.integers(5, 300), HW[1])
    box = (int(top), int(left), int(bottom), int(right))
    shape = (box[2] - box[0], box[3] - box[1])
    if rng.random() < 0.3:
        return SetLabels(1, box, rng.integers(0, 5, shape).astype(np.uint8))
    return Paint(1, int(rng.integers(0, 5)), box, rng.random(shape) > 0.2)


def address(document):
    return document.label_map(1).labels.__array_interface__["data"][0]


def test_maps_that_somebody_holds_stay_as_they_were_through_strokes_undo_and_redo(document):
    rng = np.random.default_rng(5)
    history = History(document)
    document.apply(ReplaceMasks({1: np.zeros(HW, np.uint8)}))
    held: list[tuple[np.ndarray, np.ndarray]] = []
    for step in range(150):
        kind = rng.random()
        if kind < 0.5:
            history.push(stroke(rng))
        elif kind < 0.8:
            history.undo()
        else:
            history.redo()
        if rng.random() < 0.3:
            continue  # several changes before anybody looks
        found = document.label_map(1).labels
        assert np.array_equal(found, read_labels(document._store, 1)[0]), step
        if rng.random() < 0.3:
            held.append((found[10:], found[10:].copy()))
            del held[: -int(rng.integers(1, 4))]
        assert all(np.array_equal(array, copy) for array, copy in held), step
        assert not found.flags.writeable


def test_strokes_and_their_undo_write_into_two_maps_in_turn(document):
    history = History(document)
    rng = np.random.default_rng(2)
    document.apply(ReplaceMasks({1: rng.integers(1, 5, HW).astype(np.uint8)}))
    places = {address(document)}
    for _ in range(5):
        history.push(stroke(rng))
        places.add(address(document))
    for _ in range(5):
        history.undo()
        places.add(address(document))
    assert len(places) == 2
    kept = document.label_map(1)
    before = kept.labels.copy()
    for _ in range(3):
        history.redo()
        places.add(address(document))
    assert len(places) == 3
    assert np.array_equal(kept.labels, before)


def test_a_draft_takes_over_what_changed_when_it_is_needed_next(document):
    from counterpart.core.tools.draft import LabelDraft
    from counterpart.core.tools.region import Region

    rng = np.random.default_rng(8)
    draft = LabelDraft(None, HW)
    base = np.zeros(HW, np.uint8)
    for _ in range(30):
        command = stroke(rng)
        top, left, bottom, right = command.bbox
        base = base.copy()
        base[top:bottom, left:right] = rng.integers(0, 5)
        draft.apply(Region.of(np.ones((9, 9), np.bool_), 5, 5), 3)
        draft.rebase(base, command.bbox)
        if rng.random() < 0.4:
            assert draft.result() is None
            assert np.array_equal(draft.labels, base)
