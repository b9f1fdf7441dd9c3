"""A photograph that was replaced after it was annotated: noticed, never painted over wrongly, and nothing is lost."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import UsageError
from counterpart.core.formats.base import ExportOptions
from counterpart.core.formats.exporting import export_project
from counterpart.core.images.finding import find_images
from counterpart.core.images.reading import read_image
from counterpart.core.jobs import silent
from counterpart.core.project.aside import Replacement, aside_image, replacement_of
from counterpart.core.project.commands import (
    AcceptPredictions,
    AddInstance,
    AddMatch,
    AddPart,
    AddSkeleton,
    MergeParts,
    MoveKeypoint,
    Paint,
    PredictKeypoints,
    RemoveImages,
    ReplaceMasks,
    ReplaceMatches,
    SetLabels,
    TakeReplacements,
)
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from counterpart.core.project.points import KeypointSet, MatchSet, Skeleton
from counterpart.core.project.relink import learn_facts
from tests.core.project_tools import everything

OLD, NEW, WIDE = (300, 400), (600, 800), (300, 500)
SAID = "cat.png is another picture now (800 × 600, was 400 × 300): its labels were kept aside"


def photograph(path: Path, hw=OLD, value: int = 90) -> Path:
    Image.new("RGB", (hw[1], hw[0]), (value, 0, 0)).save(path)
    return path


def learn(document: Document):
    """What a look at all files makes known."""
    items = [(record, document.image_path(record.id)) for record in document.images()]
    return document.note_facts(learn_facts(items, silent()))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "photos"
    made.mkdir()
    for name in ("cat.png", "dog.png"):
        photograph(made / name)
    return made


@pytest.fixture
def document(tmp_path, folder):
    with Document.new(tmp_path / "p.counterpart") as opened:
        opened.add_images(find_images([folder]))
        learn(opened)
        opened.apply(AddPart("head"))
        opened.apply(AddPart("tail"))
        opened.apply(AddSkeleton(Skeleton(("nose", "ear"))))
        for image in (1, 2):
            labels = np.zeros(OLD, np.uint8)
            labels[30:60, 40:80] = 1
            opened.apply(ReplaceMasks({image: labels}))
            opened.apply(Paint(image, 2, (100, 200, 110, 220), np.ones((10, 20), np.bool_)))
            opened.apply(AddInstance(image, KeypointSet.make([[9.5, 19.5], [np.nan, np.nan]], box=(-0.5, 9.5, 20, 40))))
        opened.apply(AddMatch(1, 2, (9.5, 19.5), (5, 6), cycle_error=3))
        yield opened


def test_another_size_puts_the_labels_aside_and_the_record_stays(document, folder):
    before, record = everything(document), document.image(1)
    photograph(folder / "cat.png", NEW)
    outcome = learn(document)
    assert outcome.skipped == [(1, SAID)]
    assert document.image(1) == record
    now = read_image(folder / "cat.png")
    assert document.aside(1) == Replacement(600, 800, (folder / "cat.png").stat().st_size, now.sha256)
    assert document.asides().keys() == {1}
    after = everything(document)
    assert {**after, "settings": {}} == {**before, "settings": {}}


def test_it_is_noticed_before_any_hash_was_noted(tmp_path, folder):
    with Document.untitled() as document:
        document.add_images(find_images([folder]))
        document.apply(AddPart("head"))
        document.apply(Paint(1, 1, (0, 0, 9, 9), np.ones((9, 9), np.bool_), OLD))
        photograph(folder / "cat.png", NEW)
        assert learn(document).skipped == [(1, SAID)]


def test_the_old_file_back_ends_it(document, folder):
    before = everything(document)
    photograph(folder / "cat.png", NEW)
    learn(document)
    photograph(folder / "cat.png")
    learn(document)
    assert document.asides() == {}
    assert everything(document) == before


def test_another_picture_of_the_same_size_is_named_and_its_labels_stay(document, folder):
    labels = document.label_map(1).labels
    photograph(folder / "cat.png", value=200)
    outcome = learn(document)
    assert (outcome.changed, outcome.skipped) == ([1], [])
    assert document.asides() == {}
    assert document.image(1).sha256 == read_image(folder / "cat.png").sha256
    assert (document.label_map(1).labels == labels).all()
    assert learn(document).changed == []


def test_an_image_without_annotations_takes_any_size(document, folder):
    photograph(folder / "new.png")
    document.add_images(find_images([folder]))
    learn(document)
    photograph(folder / "new.png", NEW)
    assert learn(document).skipped == []
    assert document.image(3).hw == NEW


def test_what_was_undone_can_be_done_again_on_the_picture_that_it_belongs_to(document, folder):
    photograph(folder / "new.png")
    document.add_images(find_images([folder]))
    learn(document)
    history = History(document)
    history.push(Paint(3, 1, (0, 0, 9, 9), np.ones((9, 9), np.bool_)))
    history.undo()
    photograph(folder / "new.png", NEW)
    assert [image for image, _ in learn(document).skipped] == [3]
    history.redo()
    assert document.label_map(3).hw == document.image(3).hw == OLD
    history.undo()
    history.push(TakeReplacements([3], scale=False))
    assert document.image(3).hw == NEW
    history.undo()
    history.redo()
    assert document.image(3).hw == NEW


@pytest.mark.parametrize(
    "command",
    [
        lambda: Paint(1, 1, (0, 0, 9, 9), np.ones((9, 9), np.bool_)),
        lambda: Paint(1, 1, (0, 0, 9, 9), np.ones((9, 9), np.bool_), NEW),
        lambda: Paint(1, 0, (0, 0, 300, 400), np.ones(OLD, np.bool_)),
        lambda: SetLabels(1, (0, 0, 9, 9), np.ones((9, 9), np.uint8)),
        lambda: AddInstance(1, KeypointSet.make([[1, 2], [3, 4]])),
        lambda: MoveKeypoint(1, 0, (500.0, 500.0)),
        lambda: AddMatch(1, 2, (1, 2), (3, 4)),
        lambda: AddMatch(2, 1, (1, 2), (3, 4)),
    ],
)
def test_nothing_is_drawn_on_it_by_hand(document, folder, command):
    photograph(folder / "cat.png", NEW)
    learn(document)
    before = everything(document)
    with pytest.raises(UsageError) as caught:
        document.apply(command())
    assert str(caught.value) == f"{SAID}. Scale its labels or give them up, or put the old file back"
    assert everything(document) == before


def test_results_of_jobs_leave_it_out_by_name_and_take_the_rest(document, folder):
    photograph(folder / "cat.png", NEW)
    learn(document)
    before = document.keypoints(1), document.matches(1, 2)
    for command in (
        ReplaceMasks({1: np.ones(NEW, np.uint8), 2: np.ones(OLD, np.uint8)}, overwrite=True),
        PredictKeypoints({1: [KeypointSet.make([[1, 2], [3, 4]])], 2: [KeypointSet.make([[1, 2], [3, 4]])]}),
        AcceptPredictions([1, 2]),
    ):
        assert document.apply(command)
        assert command.outcome.skipped == [(1, SAID)]
        assert command.outcome.changed == [2]
    for pair in ((1, 2), (2, 1)):
        command = ReplaceMatches([MatchSet.make(*pair, [[1, 2]], [[3, 4]])])
        assert not document.apply(command)
        assert command.outcome.skipped == [(pair[0], SAID)]
    assert (document.keypoints(1)[0].xy[0] == before[0][0].xy[0]).all()
    assert document.apply(MergeParts([2], 1))  # what goes for all images goes for labels aside, too
    assert document.label_map(1).areas() == {1: 30 * 40 + 10 * 20}


def test_labels_are_scaled_and_that_is_undone_and_done_again(document, folder):
    history = History(document)
    photograph(folder / "cat.png", NEW)
    learn(document)
    before, labels, touched = everything(document), document.label_map(1).labels, document.touched(1)
    assert history.push(TakeReplacements([1, 2], scale=True))
    after = everything(document)
    assert document.image(1).hw == NEW
    assert document.asides() == {}
    assert (document.label_map(1).labels == np.kron(labels, np.ones((2, 2), np.uint8))).all()
    assert (document.touched(1) == np.kron(touched, np.ones((2, 2), np.bool_))).all()
    assert document.part_states(1) == {1: ("predicted", 4 * 1200), 2: ("edited", 4 * 200)}
    points = document.keypoints(1)[0]
    assert points.xy[0].tolist() == [19.5, 39.5]
    assert points.box == (-0.5, 19.5, 40, 80)
    matches = document.matches(1, 2)
    assert matches.xy_a.tolist() == [[19.5, 39.5]]
    assert matches.xy_b.tolist() == [[5, 6]]
    assert matches.cycle_error.tolist() == [6]
    assert document.image(1).sha256 == read_image(folder / "cat.png").sha256
    assert document.label_map(2).hw == OLD
    history.undo()
    assert everything(document) == before
    assert document.aside(1) is not None
    history.redo()
    assert everything(document) == after
    assert history.push(Paint(1, 2, (500, 700, 600, 800), np.ones((100, 100), np.bool_), NEW))


def test_the_other_end_of_a_match_is_scaled_in_its_own_image(document, folder):
    photograph(folder / "dog.png", NEW)
    learn(document)
    document.apply(TakeReplacements([2], scale=True))
    matches = document.matches(1, 2)
    assert matches.xy_a.tolist() == [[9.5, 19.5]]
    assert matches.xy_b.tolist() == [[10.5, 12.5]]
    assert matches.cycle_error.tolist() == [3]


def test_another_shape_is_not_scaled_but_can_be_begun_anew(document, folder):
    photograph(folder / "cat.png", WIDE)
    learn(document)
    command = TakeReplacements([1], scale=True)
    assert not document.apply(command)
    assert command.outcome.skipped == [(1, "it has another shape now")]
    before = everything(document)
    history = History(document)
    history.push(TakeReplacements([1], scale=False))
    assert document.image(1).hw == WIDE
    assert document.image(1).state == "todo"
    assert (document.label_map(1), document.keypoints(1), document.matches(1, 2)) == (None, (), None)
    history.undo()
    assert everything(document) == before


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ((300, 400), (600, 800), True),
        ((300, 400), (150, 200), True),
        ((333, 500), (667, 1000), True),
        ((333, 500), (666, 1001), True),
        ((300, 400), (400, 300), False),
        ((300, 400), (300, 403), False),
        ((1, 1), (500, 500), True),
    ],
)
def test_what_counts_as_the_same_shape(old, new, same):
    assert Replacement(*new).scales(old) is same


def test_removing_the_image_and_undoing_it_keeps_it_aside(document, folder):
    photograph(folder / "cat.png", NEW)
    learn(document)
    history = History(document)
    history.push(RemoveImages([1]))
    assert document.asides() == {}
    history.undo()
    assert document.asides().keys() == {1}


def test_a_project_for_looking_only_says_it_too(document, folder, tmp_path):
    document.close()
    photograph(folder / "cat.png", NEW)
    with Document.open(tmp_path / "p.counterpart", read_only=True) as looked_at:
        assert learn(looked_at).skipped == [(1, SAID)]
        assert looked_at.asides() == {}


def test_it_is_known_when_the_project_is_opened_again(document, folder, tmp_path):
    photograph(folder / "cat.png", NEW)
    learn(document)
    known = document.asides()
    document.close()
    with Document.open(tmp_path / "p.counterpart") as again:
        assert again.asides() == known


@pytest.mark.parametrize("name", ["coco", "indexed-png", "yolo-seg", "coco-keypoints", "csv"])
@pytest.mark.parametrize("noticed", [True, False])
def test_exports_leave_it_out_by_name(document, folder, tmp_path, name, noticed):
    photograph(folder / "cat.png", NEW)
    if noticed:
        learn(document)
    out = tmp_path / "out"
    report = export_project(document, name, out, ExportOptions(), silent())
    assert ("cat.png", SAID) in report.skipped
    written = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    texts = [path.read_text(errors="replace") for path in written if path.suffix != ".png"]
    assert not any("cat" in path.stem for path in written)
    assert not any("cat.png" in text for text in texts)


@pytest.mark.parametrize("setting", [None, 3, [], {}, {"height": 0, "width": 5}, {"height": "5", "width": 5}])
def test_settings_that_are_no_replacements_are_none(setting):
    assert replacement_of(setting) is None


def test_settings_name_their_image():
    assert [aside_image(key) for key in ("aside/12", "aside/", "aside/x", "image", "aside/-1")] == [12, *[None] * 4]


def test_an_image_file_of_another_size_is_no_image_of_a_job(document, folder):
    from counterpart.core.errors import ImageError

    ref = document.image_ref(1)
    ref.check_size(OLD)
    with pytest.raises(ImageError, match=r"cat\.png: it is another picture now \(800 × 600, was 400 × 300\)"):
        ref.check_size(NEW)
    dataclasses.replace(ref, hw=None).check_size(NEW)
