"""What is said of a person's work before it is taken away: what they made or confirmed, no guess."""

import numpy as np
import pytest

from counterpart.core.project.commands import (
    AcceptPredictions,
    AddInstance,
    PredictKeypoints,
    ReplaceMasks,
    ReplaceMatches,
    SetReviewState,
)
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from counterpart.core.project.model import ImageRecord
from counterpart.core.project.points import KeypointSet, MatchSet, MatchState, Origin
from counterpart.core.project.work import Work, predictions_among, unlabelled, work_on
from tests.core.project_tools import HW, filled


@pytest.fixture
def document(tmp_path):
    with Document.new(tmp_path / "a.counterpart") as made:
        yield filled(made, tmp_path, images=20)


def test_guesses_are_no_work_and_what_is_accepted_is(document):
    document.apply(ReplaceMasks({1: np.ones(HW, np.uint8), 2: np.full(HW, 2, np.uint8)}))
    guess = KeypointSet.make([(1, 1), (2, 2), (3, 3)], origin=Origin.TRANSFERRED)
    document.apply(PredictKeypoints({3: [guess]}))
    document.apply(ReplaceMatches([MatchSet.make(4, 5, [[1, 2]], [[3, 4]])]))
    assert work_on(document, document.image_ids) == Work(0, 0, 0, 0)
    document.apply(AcceptPredictions([2]))
    assert work_on(document, [1]) == Work(0, 0, 0, 0)
    assert work_on(document, [1, 2]) == Work(1, 1, 0, 0)


def test_points_matches_and_marks_are_counted_on_their_images(document):
    document.apply(AddInstance(3, KeypointSet.make([(1, 1), (2, 2), (np.nan, np.nan)])))
    states = [MatchState.ACCEPTED, MatchState.PROPOSED, MatchState.REJECTED]
    document.apply(ReplaceMatches([MatchSet.make(4, 5, [[1, 2]] * 3, [[3, 4]] * 3, state=states)]))
    document.apply(SetReviewState([6], "reviewed"))
    document.apply(SetReviewState([7], "skipped"))
    assert work_on(document, [3]) == Work(1, 0, 2, 0)
    assert work_on(document, [4]) == Work(1, 0, 0, 2)
    assert work_on(document, [4, 5]) == Work(2, 0, 0, 2)
    assert work_on(document, [6, 7]) == Work(1, 0, 0, 0)
    assert work_on(document, document.image_ids) == Work(4, 0, 2, 2)


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (Work(1, 0, 0, 0), ""),
        (Work(1, 1, 0, 0), "1 mask"),
        (Work(2, 5, 1, 0), "5 masks and 1 point"),
        (Work(3, 1200, 34, 2), "1,200 masks, 34 points and 2 matches"),
    ],
)
def test_it_is_said_in_words(work, words):
    assert work.words() == words


def test_images_without_any_label_are_found_alike_for_few_and_for_many(document):
    document.apply(ReplaceMasks({1: np.ones(HW, np.uint8)}))
    document.apply(AddInstance(2, KeypointSet.make([(1, 1), (2, 2), (3, 3)])))
    document.apply(ReplaceMatches([MatchSet.make(3, 4, [[1, 2]], [[3, 4]])]))
    few, many = [1, 2, 3, 4, 5], list(document.image_ids)
    assert unlabelled(document, few) == [5]
    assert unlabelled(document, many) == many[4:]


def test_a_step_knows_the_images_that_it_is_on(document):
    history = History(document)
    for command, images in (
        (ReplaceMasks({1: np.ones(HW, np.uint8)}), {1}),
        (AddInstance(2, KeypointSet.make([(1, 1), (2, 2), (3, 3)])), {2}),
        (ReplaceMatches([MatchSet.make(3, 4, [[1, 2]], [[3, 4]])]), {3, 4}),
        (SetReviewState([5, 6, 7], "reviewed"), {5, 6, 7}),
    ):
        assert command.on_images == frozenset()
        assert history.push(command)
        assert command.on_images == images
        assert history.last is command
        history.undo()
        assert (history.next, command.on_images) == (command, images)
        history.redo()


@pytest.mark.parametrize(
    ("predicted", "looked_at", "words"),
    [
        (27, 3, "27 of 30 images are predictions"),
        (1, 3, "1 of 4 images is a prediction"),
        (5, 0, "All 5 images are predictions"),
        (1, 0, "The image is a prediction"),
        (0, 3, ""),
        (0, 0, ""),
    ],
)
def test_predictions_are_counted_in_words(predicted, looked_at, words):
    states = ["predicted"] * predicted + ["edited", "reviewed", "reviewed"][:looked_at] + ["todo", "skipped"]
    among = predictions_among(ImageRecord(number, str(number), state=state) for number, state in enumerate(states))
    assert (among.predicted, among.looked_at, among.words()) == (predicted, looked_at, words)
