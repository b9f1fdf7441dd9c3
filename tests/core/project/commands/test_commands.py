"""Commands do what they say, undo exactly, and leave a person's work alone."""

import dataclasses

import numpy as np
import pytest

from counterpart.core.errors import UsageError
from counterpart.core.project.commands import (
    AcceptPredictions,
    AddInstance,
    AddMatch,
    AddPart,
    AddSkeleton,
    ChangeSkeleton,
    ClearLabels,
    ConfirmKeypoints,
    DeleteMatches,
    DeleteParts,
    EditPart,
    LockMatches,
    MarkTemplates,
    MergeParts,
    MoveKeypoint,
    MoveMatchEnd,
    Paint,
    PredictKeypoints,
    RelinkImages,
    RemoveImages,
    RemoveInstances,
    RemoveSkeleton,
    ReorderParts,
    ReplaceMasks,
    ReplaceMatches,
    SetKeypoints,
    SetLabels,
    SetMatchState,
    SetReviewState,
    SetSettings,
    SetVisibility,
    SplitPart,
)
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from counterpart.core.project.model import Provenance
from counterpart.core.project.points import KeypointSet, MatchSet, MatchState, Origin, Skeleton
from counterpart.core.project.tiles import pack_labels
from tests.core.project_tools import HW, box_mask, everything, filled, new_images, play


@pytest.fixture
def document(tmp_path):
    return filled(Document.untitled(), tmp_path)


def blocks(*parts):
    """A label map with a band of equal height for each part."""
    labels = np.zeros(HW, np.uint8)
    for index, part in enumerate(parts):
        labels[index * 40 : index * 40 + 40, 30:200] = part
    return labels


def keypoints(offset=0.0, **more):
    return KeypointSet.make(np.array([[10, 20], [30, 40], [50, 60]]) + offset, **more)


def predicted(offset=0.0, **more):
    return keypoints(offset, origin=Origin.TRANSFERRED, score=[0.9, 0.5, 0.2], **more)


# Painting -----------------------------------------------------------------------------------------------------------


def test_painting_sets_the_pixels_under_the_mask_and_no_others(document):
    mask = np.tri(60, 70, dtype=np.bool_)
    document.apply(Paint(1, 2, (230, 220, 290, 290), mask))
    expected = np.zeros(HW, np.uint8)
    expected[230:290, 220:270][mask[:, :50]] = 2
    label_map = document.label_map(1)
    assert np.array_equal(label_map.labels, expected)
    assert label_map.states == {2: "edited"}
    assert document.image(1).state == "edited"
    assert document.part_states(1) == {2: ("edited", int(expected.astype(bool).sum()))}


def test_a_box_that_reaches_over_every_edge_is_cut(document):
    document.apply(Paint(1, 1, (-50, -40, 400, 500), box_mask(450, 540)))
    assert document.label_map(1).areas() == {1: HW[0] * HW[1]}
    assert not document.apply(Paint(1, 2, (-50, -40, -10, -5), box_mask(40, 35)))
    assert not document.apply(Paint(1, 2, (300, 0, 310, 10), box_mask(10, 10)))


def test_locked_parts_are_neither_painted_over_nor_painted_with(document):
    document.apply(Paint(1, 1, (0, 0, 100, 100), box_mask(100, 100)))
    document.apply(EditPart(1, locked=True))
    document.apply(Paint(1, 2, (50, 0, 150, 100), box_mask(100, 100)))
    assert document.label_map(1).areas() == {1: 10_000, 2: 5_000}
    document.apply(Paint(1, 0, (0, 0, 300, 270), box_mask(300, 270)))
    assert document.label_map(1).areas() == {1: 10_000}
    with pytest.raises(UsageError, match="locked"):
        document.apply(Paint(1, 1, (0, 0, 5, 5), box_mask(5, 5)))
    with pytest.raises(UsageError, match="locked"):
        document.apply(DeleteParts([1]))


def test_a_part_that_is_not_there_cannot_be_painted(document):
    with pytest.raises(UsageError, match="no part 9"):
        document.apply(Paint(1, 9, (0, 0, 5, 5), box_mask(5, 5)))
    assert document.label_map(1) is None


def test_a_mask_that_does_not_fit_its_box_is_refused(document):
    with pytest.raises(UsageError, match="does not fit the box"):
        document.apply(Paint(1, 1, (0, 0, 5, 5), box_mask(5, 6)))
    with pytest.raises(UsageError, match="do not fit an image"):
        document.apply(Paint(1, 1, (0, 0, 5, 5), box_mask(5, 5), hw=(10, 10)))


def test_an_image_of_unknown_size_is_painted_once_its_size_is_said(document, tmp_path):
    number = document.add_images([dataclasses.replace(new_images(tmp_path, 9)[-1], width=0, height=0)])[0]
    with pytest.raises(UsageError, match="size of the image"):
        document.apply(Paint(number, 1, (0, 0, 5, 5), box_mask(5, 5)))
    document.apply(Paint(number, 1, (0, 0, 5, 5), box_mask(5, 5), hw=(20, 30)))
    assert document.image(number).hw == (20, 30)
    assert document.label_map(number).hw == (20, 30)


def test_setting_a_region_gives_every_pixel_its_own_label(document):
    rng = np.random.default_rng(0)
    region = rng.integers(0, 4, (100, 90)).astype(np.uint8)
    mask = rng.random((100, 90)) > 0.4
    document.apply(SetLabels(2, (200, 180, 300, 270), region, mask))
    expected = np.zeros(HW, np.uint8)
    expected[200:300, 180:270][mask] = region[mask]
    assert np.array_equal(document.label_map(2).labels, expected)
    assert document.label_map(2).areas() == {part: int((expected == part).sum()) for part in (1, 2, 3)}


def test_ids_above_255_make_a_deep_map_and_undo_makes_it_shallow_again(document):
    history = History(document)
    document.apply(ReplaceMasks({1: blocks(1).astype(np.uint16)}, labels={1: 300}))
    assert document.part(300).name == "part 300"
    history.push(Paint(2, 1, (0, 0, 9, 9), box_mask(9, 9)))
    history.push(Paint(2, 300, (5, 5, 20, 20), box_mask(15, 15)))
    assert document.label_map(2).labels.dtype == np.uint16
    assert document.label_map(2).areas() == {1: 81 - 16, 300: 225}
    history.undo()
    assert document.label_map(2).areas() == {1: 81}
    history.redo()
    assert document.label_map(2).areas() == {1: 81 - 16, 300: 225}


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("part", [0, 3, 4])
def test_a_stroke_over_whole_tiles_changes_and_counts_the_same_as_pixel_by_pixel(document, part, locked):
    history = History(document)
    rng = np.random.default_rng(3)
    before = np.repeat(np.repeat(rng.integers(0, 4, (6, 5)).astype(np.uint8), 50, 0), 54, 1)[: HW[0], : HW[1]]
    document.apply(AddPart("part 4"))
    document.apply(ReplaceMasks({1: before}))
    if locked:
        document.apply(EditPart(1, locked=True))
    mask = np.ones(HW, np.bool_)
    mask[-3:, 10:20] = False
    history.push(Paint(1, part, (0, 0, *HW), mask))
    after = np.where(mask & ~(locked & (before == 1)), part, before)
    areas = {int(label): int((after == label).sum()) for label in np.unique(after) if label}
    assert np.array_equal(document.label_map(1).labels, after)
    assert {label: pixels for label, (_, pixels) in document.part_states(1).items() if pixels} == areas
    assert np.array_equal(document.touched(1), mask & ~(locked & (before == 1)))
    history.undo()
    assert np.array_equal(document.label_map(1).labels, before)
    assert document.touched(1) is None


def test_parts_that_exchange_pixels_are_a_persons_work_though_they_keep_their_size(document):
    document.apply(ReplaceMasks({1: blocks(1, 2, 3)}))
    swapped = blocks(2, 1, 3)
    document.apply(SetLabels(1, (0, 0, *HW), swapped))
    assert document.part_states(1) == {
        1: ("edited", 40 * 170),
        2: ("edited", 40 * 170),
        3: ("predicted", 40 * 170),
    }


def test_painting_away_a_reviewed_part_is_remembered_as_a_persons_decision(document):
    document.apply(ReplaceMasks({1: blocks(1, 2)}))
    document.apply(Paint(1, 0, (0, 0, 40, 270), box_mask(40, 270)))
    assert document.part_states(1) == {1: ("edited", 0), 2: ("predicted", 40 * 170)}
    document.apply(ReplaceMasks({1: blocks(1, 2)}))
    assert document.label_map(1).areas() == {2: 40 * 170}, "the part that was erased does not come back"


def test_clearing_removes_labels_and_states(document):
    document.apply(ReplaceMasks({1: blocks(1, 2)}))
    document.apply(Paint(1, 3, (0, 0, 9, 9), box_mask(9, 9)))
    command = ClearLabels([1, 2])
    document.apply(command)
    assert document.label_map(1) is None
    assert document.touched(1) is None
    assert document.image(1).state == "todo"
    assert command.outcome.changed == [1]


# A job's masks ------------------------------------------------------------------------------------------------------


def test_predictions_fill_untouched_images_with_their_provenance(document):
    provenance = Provenance("parts", '{"k": 3}', "dinov2", "ab" * 32, "2026-01-01T00:00:00+00:00")
    command = ReplaceMasks(
        {1: pack_labels(blocks(1, 2)), 2: blocks(3)},
        provenance=provenance,
        doubts={1: 0.25},
        revision=document.revision,
    )
    document.apply(command)
    assert command.outcome.changed == [1, 2]
    label_map = document.label_map(1)
    assert np.array_equal(label_map.labels, blocks(1, 2))
    assert label_map.states == {1: "predicted", 2: "predicted"}
    assert document.provenance(label_map.provenance) == dataclasses.replace(provenance, id=label_map.provenance)
    assert document.image(1).state == "predicted"
    assert document.image(1).doubt == 0.25
    assert document.images_with_part(3) == [2]
    assert document.labelled_images() == [1, 2]


def test_labels_become_parts_by_name_and_a_second_run_finds_them_again(document):
    document.apply(ReplaceMasks({1: blocks(1, 2, 3)}, labels={1: "wing", 2: "part 2", 3: "tail"}))
    names = {part.name: part.id for part in document.parts}
    assert set(names) == {"part 1", "part 2", "part 3", "wing", "tail"}
    assert document.label_map(1).areas() == {names[name]: 6800 for name in ("wing", "part 2", "tail")}
    document.apply(ReplaceMasks({2: blocks(2)}, labels={2: "wing"}))
    assert document.label_map(2).areas() == {names["wing"]: 6800}
    assert len(document.parts) == 5
    assert len({part.colour for part in document.parts}) == 5


def test_a_label_without_a_meaning_is_refused(document):
    with pytest.raises(UsageError, match="label 2, which has no meaning"):
        document.apply(ReplaceMasks({1: blocks(1, 2)}, labels={1: "wing"}))


def test_a_prediction_never_takes_back_what_a_person_did(document):
    document.apply(ReplaceMasks({1: blocks(1, 2)}))
    document.apply(Paint(1, 1, (60, 50, 100, 80), box_mask(40, 30)))  # takes from part 2: both are a person's now
    document.apply(Paint(1, 3, (150, 0, 160, 50), box_mask(10, 50)))
    document.apply(Paint(1, 0, (150, 0, 160, 20), box_mask(10, 20)))
    mine = document.label_map(1).labels
    document.apply(AddPart("new"))
    document.apply(ReplaceMasks({1: np.full(HW, 4, np.uint8)}))
    after = document.label_map(1).labels
    assert np.array_equal(after[mine > 0], mine[mine > 0]), "parts that a person edited"
    assert (after[150:160, 0:20] == 0).all(), "pixels that a person erased"
    rest = mine == 0
    rest[150:160, 0:20] = False
    assert (after[rest] == 4).all()
    assert document.label_map(1).states == {1: "edited", 2: "edited", 3: "edited", 4: "predicted"}
    document.apply(ReplaceMasks({1: blocks(1, 2, 3)}, overwrite=True))
    assert np.array_equal(document.label_map(1).labels, blocks(1, 2, 3)), "unless asked"
    assert document.image(1).state == "predicted"


def test_a_persons_part_is_not_predicted_elsewhere_on_the_image(document):
    document.apply(Paint(1, 1, (0, 0, 10, 10), box_mask(10, 10)))
    document.apply(ReplaceMasks({1: blocks(2, 1)}))
    assert document.label_map(1).areas()[1] == 100
    assert document.label_map(1).areas()[2] == 6800


def test_locked_parts_are_not_predicted(document):
    document.apply(EditPart(2, locked=True))
    document.apply(ReplaceMasks({1: blocks(1, 2)}))
    assert document.label_map(1).areas() == {1: 6800}


def test_images_that_changed_or_are_done_are_skipped_and_named(document):
    revision = document.revision
    document.apply(Paint(1, 1, (0, 0, 5, 5), box_mask(5, 5)))
    document.apply(SetReviewState([2], "reviewed"))
    document.apply(RemoveImages([3]))
    command = ReplaceMasks({1: blocks(2), 2: blocks(2), 3: blocks(2)}, revision=revision)
    assert not document.apply(command)
    reasons = dict(command.outcome.skipped)
    assert "changed while the job was running" in reasons[1]
    assert "reviewed" in reasons[2]
    assert "no longer" in reasons[3]
    merged = ReplaceMasks({1: blocks(2)}, revision=revision, changed="merge")
    document.apply(merged)
    assert document.label_map(1).areas() == {1: 25, 2: 6800}


def test_a_keypoint_moved_meanwhile_does_not_hold_up_masks(document):
    revision = document.revision
    document.apply(AddInstance(1, keypoints()))
    assert document.apply(ReplaceMasks({1: blocks(1)}, revision=revision))


def test_a_mask_of_another_size_is_skipped(document):
    command = ReplaceMasks({1: np.ones((10, 10), np.uint8)})
    assert not document.apply(command)
    assert "10 x 10" in command.outcome.skipped[0][1]


def test_accepting_makes_predictions_a_persons(document):
    document.apply(ReplaceMasks({1: blocks(1, 2), 2: blocks(1)}))
    document.apply(AcceptPredictions([1], parts=[2]))
    assert document.label_map(1).states == {1: "predicted", 2: "reviewed"}
    document.apply(SetReviewState([2], "reviewed"))
    assert document.label_map(2).states == {1: "reviewed"}
    assert document.state_counts() == {"edited": 1, "reviewed": 1, "todo": 1}
    document.apply(ReplaceMasks({1: blocks(3, 3, 3), 2: blocks(3)}))
    assert document.label_map(1).areas() == {2: 6800, 3: 2 * 6800}
    assert document.label_map(2).areas() == {1: 6800}


def test_accepting_on_many_images_is_the_same_as_on_each(tmp_path):
    document = filled(Document.untitled(), tmp_path, images=120, parts=3)
    document.apply(ReplaceMasks({image: blocks(1, 2) for image in range(1, 101)}))
    document.apply(Paint(7, 1, (0, 0, 5, 5), box_mask(5, 5)))
    history = History(document)
    before = everything(document)
    history.push(AcceptPredictions(range(1, 121), parts=[2]))
    assert all(document.label_map(image).states[2] == "reviewed" for image in range(1, 101))
    assert all(document.label_map(image).states[1] == "predicted" for image in range(1, 101) if image != 7)
    history.push(SetReviewState(range(1, 121), "reviewed"))
    assert document.state_counts() == {"reviewed": 120}
    assert document.label_map(1).states == {1: "reviewed", 2: "reviewed"}
    assert document.label_map(7).states == {1: "edited", 2: "reviewed"}
    history.undo(), history.undo()
    assert everything(document) == before


# Parts --------------------------------------------------------------------------------------------------------------


def test_merging_parts_changes_every_image_and_undo_brings_all_back(document):
    document.apply(ReplaceMasks({1: blocks(1, 2), 2: blocks(2, 3), 3: blocks(3)}))
    document.apply(AcceptPredictions([1], parts=[1, 2]))
    history = History(document)
    before = everything(document)
    command = MergeParts([2, 3], 1)
    history.push(command)
    assert [document.label_map(image).areas() for image in (1, 2, 3)] == [{1: 13_600}, {1: 13_600}, {1: 6800}]
    assert document.label_map(1).states == {1: "reviewed"}
    assert [part.id for part in document.parts] == [1]
    assert command.outcome.changed == [1, 2, 3]
    history.undo()
    assert everything(document) == before
    assert np.array_equal(document.label_map(2).labels, blocks(2, 3))


def test_merging_a_persons_part_with_a_prediction_is_a_persons(document):
    document.apply(ReplaceMasks({1: blocks(1, 2)}))
    document.apply(AcceptPredictions([1], parts=[1]))
    document.apply(MergeParts([2], 1))
    assert document.label_map(1).states == {1: "edited"}


def test_splitting_a_part_divides_it_on_every_image_and_undo_brings_it_back(document):
    document.apply(ReplaceMasks({1: blocks(1, 2), 2: blocks(2, 1), 3: blocks(3)}))
    document.apply(AcceptPredictions([1], parts=[1]))
    history = History(document)
    before = everything(document)
    pieces = {}
    for image in (1, 2):
        half = (document.label_map(image).labels == 1).astype(np.uint8)
        half[:, ::2] *= 2
        pieces[image] = pack_labels(half)
    command = SplitPart(1, pieces, document.revision)
    history.push(command)
    (new,) = command.outcome.created
    assert document.part(new).name == "part 1 2"
    for image in (1, 2):
        areas = document.label_map(image).areas()
        assert areas[1] + areas[new] == 6800
        assert areas[new] > 1000
        assert areas[2] == 6800
    assert document.label_map(3).areas() == {3: 6800}
    assert document.label_map(1).states[new] == "reviewed"
    assert document.label_map(2).states[new] == "predicted"
    history.undo()
    assert everything(document) == before
    history.redo()
    assert document.label_map(1).areas()[new] > 1000


def test_an_image_that_changed_meanwhile_keeps_its_part_whole(document):
    document.apply(ReplaceMasks({1: blocks(1), 2: blocks(1)}))
    revision = document.revision
    pieces = {image: pack_labels((document.label_map(image).labels == 1).astype(np.uint8) * 2) for image in (1, 2)}
    document.apply(Paint(1, 1, (0, 0, 4, 4), np.ones((4, 4), bool)))
    command = SplitPart(1, pieces, revision)
    document.apply(command)
    assert [image for image, _ in command.outcome.skipped] == [1]
    assert command.outcome.changed == [2]


def test_a_locked_part_is_not_split(document):
    document.apply(ReplaceMasks({1: blocks(1)}))
    document.apply(EditPart(1, locked=True))
    with pytest.raises(UsageError, match="locked"):
        document.apply(SplitPart(1, {1: pack_labels(blocks(1) * 2)}))


def test_deleting_parts_leaves_background(document):
    document.apply(ReplaceMasks({1: blocks(1, 2, 3)}))
    document.apply(DeleteParts([1, 3]))
    assert document.label_map(1).areas() == {2: 6800}
    assert [part.id for part in document.parts] == [2]
    with pytest.raises(UsageError, match="no part 1"):
        document.apply(MergeParts([1], 2))


def test_parts_are_renamed_recoloured_reordered_and_locked(document):
    document.apply(EditPart(2, name="Flügel 翼", colour=(1, 2, 3)))
    document.apply(EditPart(2, locked=True))
    document.apply(ReorderParts([3, 2]))
    assert [part.id for part in document.parts] == [3, 2, 1]
    assert [part.order for part in document.parts] == [0, 1, 2]
    part = document.part(2)
    assert (part.name, part.colour, part.locked, part.visible) == ("Flügel 翼", (1, 2, 3), True, True)
    with pytest.raises(UsageError, match="named part 1 already"):
        document.apply(EditPart(3, name="part 1"))
    with pytest.raises(UsageError, match="named part 1 already"):
        document.apply(AddPart("part 1"))
    with pytest.raises(UsageError, match="needs a name"):
        document.apply(EditPart(3, name="  "))


# Images -------------------------------------------------------------------------------------------------------------


def test_removing_an_image_takes_everything_of_it_and_undo_brings_it_back(document):
    document.apply(Paint(1, 1, (0, 0, 50, 50), box_mask(50, 50)))
    document.apply(AddInstance(1, keypoints()))
    document.apply(ReplaceMatches([MatchSet.make(1, 2, [[1, 2]], [[3, 4]]), MatchSet.make(3, 1, [[1, 2]], [[3, 4]])]))
    history = History(document)
    before = everything(document)
    history.push(RemoveImages([1]))
    after = everything(document)
    assert len(document) == 2
    assert not any(after[table] for table in ("label_tiles", "label_parts", "touched_tiles", "keypoints", "matches"))
    history.undo()
    assert everything(document) == before
    assert document.image_ids == (1, 2, 3)


def test_relinking_finds_the_file_and_keeps_the_name(document, tmp_path):
    document.apply(RelinkImages({2: tmp_path / "moved" / "deep" / "img2.jpg", 3: tmp_path / "other" / "renamed.png"}))
    assert document.image_path(2) == tmp_path / "moved" / "deep" / "img2.jpg"
    assert document.image_path(3) == tmp_path / "other" / "renamed.png"
    assert document.image_path(1) == tmp_path / "img1.jpg"
    assert [record.name for record in document.images()] == ["img1.jpg", "img2.jpg", "img3.jpg"]


def test_settings_are_kept_and_removed(document):
    document.apply(SetSettings({"run": {"k": 4, "größe": [1, 2.5]}, "x": 1}))
    document.apply(SetSettings({"x": None}))
    assert document.settings == {"run": {"k": 4, "größe": [1, 2.5]}}
    document.note_settings({"shown": 3})
    assert document.settings["shown"] == 3


# Keypoints ----------------------------------------------------------------------------------------------------------


def test_points_are_moved_hidden_and_confirmed(document):
    document.apply(AddInstance(1, predicted(skeleton=1)))
    document.apply(MoveKeypoint(1, 1, (7.25, 8.5)))
    document.apply(SetVisibility(1, 2, 1))
    document.apply(ConfirmKeypoints([1]))
    document.apply(MarkTemplates([1]))
    image, points = document.instance(1)
    assert image == 1
    assert points.xy[1].tolist() == [7.25, 8.5]
    assert points.visibility.tolist() == [2, 2, 1]
    assert points.origin.tolist() == [Origin.CONFIRMED, Origin.USER, Origin.USER]
    assert points.score.tolist() == pytest.approx([0.9, 1, 1])
    assert points.template
    assert document.image(1).state == "edited"


def test_moving_an_absent_point_makes_it_visible(document):
    document.apply(AddInstance(1, KeypointSet.empty(document.skeleton(1))))
    document.apply(MoveKeypoint(1, 0, (3, 4)))
    _, points = document.instance(1)
    assert points.visibility.tolist() == [2, 0, 0]
    with pytest.raises(UsageError, match="no keypoint 3"):
        document.apply(MoveKeypoint(1, 3, (3, 4)))
    with pytest.raises(UsageError, match="not a place"):
        document.apply(MoveKeypoint(1, 1, (float("nan"), 4)))
    with pytest.raises(UsageError, match="not a visibility"):
        document.apply(SetVisibility(1, 1, 3))


def test_several_instances_on_an_image_stand_side_by_side(document):
    document.apply(AddInstance(1, keypoints(0)))
    document.apply(AddInstance(1, keypoints(5, box=(1.5, 2.5, 30, 40))))
    document.apply(SetKeypoints(dataclasses.replace(keypoints(9), instance=1)))
    first, second = document.keypoints(1)
    assert first.xy[0].tolist() == [19, 29]
    assert second.box == (1.5, 2.5, 30, 40)
    document.apply(RemoveInstances([1]))
    assert [points.instance for points in document.keypoints(1)] == [2]
    with pytest.raises(UsageError, match="no instance 1"):
        document.apply(RemoveInstances([1]))


def test_points_that_do_not_fit_their_skeleton_are_refused(document):
    with pytest.raises(UsageError, match="2 points for the 3"):
        document.apply(AddInstance(1, KeypointSet.make([[1, 2], [3, 4]])))
    with pytest.raises(UsageError, match="no skeleton 7"):
        document.apply(AddInstance(1, keypoints(skeleton=7)))


def test_transfer_replaces_only_what_was_transferred(document):
    document.apply(PredictKeypoints({1: [predicted()], 2: [predicted()]}))
    assert [document.image(image).state for image in (1, 2)] == ["predicted", "predicted"]
    document.apply(MoveKeypoint(1, 0, (99, 98)))
    document.apply(PredictKeypoints({1: [predicted(5)], 2: [predicted(5)]}))
    (first,), (second,) = document.keypoints(1), document.keypoints(2)
    assert first.xy.tolist() == [[99, 98], [35, 45], [55, 65]]
    assert first.origin.tolist() == [Origin.USER, Origin.TRANSFERRED, Origin.TRANSFERRED]
    assert second.xy[0].tolist() == [15, 25]


def test_transfer_skips_images_that_changed_or_are_done(document):
    document.apply(PredictKeypoints({1: [predicted()]}))
    revision = document.revision
    document.apply(MoveKeypoint(1, 0, (1, 1)))
    document.apply(SetReviewState([2], "skipped"))
    command = PredictKeypoints({1: [predicted()], 2: [predicted()]}, revision=revision)
    assert not document.apply(command)
    assert [image for image, _ in command.outcome.skipped] == [1, 2]


def test_a_skeleton_that_changes_moves_no_point_to_another_keypoint(document):
    document.apply(AddInstance(1, keypoints()))
    document.apply(AddInstance(2, keypoints(1)))
    history = History(document)
    before = everything(document)
    changed = Skeleton(("right ear", "tail", "snout"), ((0, 2),), (), (), "dog", 1, (3, 9, 1))
    history.push(ChangeSkeleton(changed))
    (points,) = document.keypoints(1)
    assert points.xy[0].tolist() == [50, 60]
    assert points.visibility.tolist() == [2, 0, 2]
    assert points.xy[2].tolist() == [10, 20]
    history.undo()
    assert everything(document) == before
    history.push(ChangeSkeleton(dataclasses.replace(document.skeleton(1), name="wolf")))
    assert document.keypoints(2)[0].xy.tolist() == keypoints(1).xy.tolist()


def test_skeletons_come_and_go_with_their_instances(document):
    command = AddSkeleton(Skeleton(("a",), name="fish", id=1))
    document.apply(command)
    assert command.outcome.created == [2]
    document.apply(AddInstance(1, KeypointSet.make([[1, 2]], skeleton=2)))
    document.apply(AddInstance(1, keypoints()))
    document.apply(RemoveSkeleton(2))
    assert [points.skeleton for points in document.keypoints(1)] == [1]
    assert [skeleton.name for skeleton in document.skeletons] == ["dog"]


# Matches ------------------------------------------------------------------------------------------------------------


def lines(count=4, image_a=1, image_b=2):
    xy = np.arange(count)[:, None] * 10.0 + np.array([[0, 1]])
    return MatchSet.make(image_a, image_b, xy, xy + 100, np.linspace(0.9, 0.5, count), np.ones(count))


def test_matches_are_seen_from_either_side(document):
    document.apply(ReplaceMatches([lines(image_a=2, image_b=1)]))
    there, back = document.matches(2, 1), document.matches(1, 2)
    assert there.xy_a.tolist() == back.xy_b.tolist() == lines().xy_a.tolist()
    assert document.match_pairs() == [(1, 2)]
    assert len(document.matches_of(1)) == 1


def test_matches_are_accepted_rejected_locked_moved_added_and_deleted(document):
    document.apply(ReplaceMatches([lines()]))
    document.apply(SetMatchState(2, 1, [0], MatchState.ACCEPTED))
    document.apply(SetMatchState(1, 2, [1], MatchState.REJECTED))
    document.apply(LockMatches(1, 2, [2]))
    document.apply(MoveMatchEnd(2, 1, 3, "a", (5, 6), score=0.25))
    document.apply(AddMatch(2, 1, (7, 8), (9, 10)))
    matches = document.matches(1, 2)
    assert matches.state.tolist() == [1, 2, 0, 1, 1]
    assert matches.locked.tolist() == [False, False, True, False, False]
    assert matches.xy_b[3].tolist() == [5, 6]
    assert matches.score[3] == 0.25
    assert matches.xy_a[4].tolist() == [9, 10]
    with pytest.raises(UsageError, match="locked"):
        document.apply(MoveMatchEnd(1, 2, 2, "b", (0, 0)))
    with pytest.raises(UsageError, match="locked"):
        document.apply(DeleteMatches(1, 2, [2]))
    with pytest.raises(UsageError, match="no such match"):
        document.apply(SetMatchState(1, 2, [5], MatchState.ACCEPTED))
    document.apply(DeleteMatches(1, 2, [0, 3]))
    assert document.matches(1, 2).state.tolist() == [2, 0, 1]


def test_new_proposals_keep_what_a_person_decided_and_do_not_repeat_it(document):
    document.apply(ReplaceMatches([lines(4)]))
    document.apply(SetMatchState(1, 2, [1], MatchState.REJECTED))
    document.apply(LockMatches(1, 2, [2]))
    document.apply(ReplaceMatches([lines(6)], provenance=Provenance("match")))
    matches = document.matches(1, 2)
    assert matches.state.tolist() == [2, 0, 0, 0, 0, 0]
    assert matches.locked.tolist() == [False, True, False, False, False, False]
    assert sorted(matches.xy_a[:, 0].tolist()) == [0, 10, 20, 30, 40, 50]
    assert document.provenance(matches.provenance).job == "match"


def test_proposals_for_a_pair_that_changed_are_skipped(document):
    document.apply(ReplaceMatches([lines()]))
    revision = document.revision
    document.apply(SetMatchState(1, 2, [0], MatchState.ACCEPTED))
    command = ReplaceMatches([lines(2)], revision=revision)
    assert not document.apply(command)
    assert command.outcome.skipped


def test_the_last_match_deleted_leaves_no_set(document):
    document.apply(ReplaceMatches([lines(1)]))
    document.apply(DeleteMatches(1, 2, [0]))
    assert document.matches(1, 2) is None
    with pytest.raises(UsageError, match="itself"):
        document.apply(AddMatch(1, 1, (0, 0), (1, 1)))


# Everything together ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_undoing_all_gives_the_start_and_redoing_all_the_end_bit_by_bit(tmp_path, seed):
    path = tmp_path / "p.counterpart"
    document = filled(Document.new(path), tmp_path)
    start = everything(document)
    history = play(document, seed, 120, tmp_path)
    end = everything(document)
    labels = {image: document.label_map(image) for image in document.image_ids}
    steps = 0
    while history.undo():
        steps += 1
    assert steps > 50
    assert everything(document) == start
    while history.redo():
        steps -= 1
    assert steps == 0
    assert everything(document) == end
    document.close()
    with Document.open(path) as again:
        assert everything(again) == end
        assert again._store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert again._store._connection.execute("PRAGMA foreign_key_check").fetchone() is None
        for image, before in labels.items():
            after = again.label_map(image)
            assert (after is None) == (before is None)
            if after is not None:
                assert np.array_equal(after.labels, before.labels)
                assert after.states == before.states
                counted = {part: pixels for part, (_, pixels) in again.part_states(image).items() if pixels}
                assert counted == after.areas(), "the counts are those of the pixels"
