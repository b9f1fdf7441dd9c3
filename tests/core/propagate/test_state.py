"""The state kept between corrections: what is learnt once, what is predicted, judged and checked."""

import numpy as np
import pytest

from counterpart.core.errors import FormatError, JobCancelledError, UsageError
from counterpart.core.features.cache import FeatureCache
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.parts.propagation import GivenLabels, Propagation, PropagationJob
from counterpart.core.propagate import PropagateParams
from tests.core.synthetic import PATCH, TAP, feature_map, palette, scene_set

NAMES = {3: "left", 7: "right"}


def labels_of(segments, table=(0, 0, 3, 7)):
    cells = np.asarray(table, np.uint8)[np.asarray(segments)]
    return np.repeat(np.repeat(cells, PATCH, 0), PATCH, 1)


@pytest.fixture
def state(tmp_path):
    """Seven images of the same object, and one of something else."""
    maps, segments = scene_set(7)
    maps.append(feature_map(np.zeros((14, 16), int), palette(4, seed=99), seed=77, name="strange"))
    refs = [ImageRef(tmp_path / f"{i}.png", f"{i}.png") for i in range(len(maps))]
    cache = FeatureCache(None)

    def never(*_):
        raise AssertionError("nothing has to be computed")

    features = FeatureSet(
        refs, [one.image_sha256 for one in maps], maps[0].spec, cache, never, held=dict(enumerate(maps))
    )
    job = PropagationJob(PropagateParams(taps=(TAP,), neighbours=5, mirror=False), None, PATCH)
    return Propagation(Engine(cache=cache), features, job), segments


def given(segments, indices, read=None):
    """Labels of some images; `read` counts which are read."""

    def reader(index):
        def labels():
            if read is not None:
                read.append(index)
            return labels_of(segments[index])

        return labels

    return {index: GivenLabels(reader(index), version=1) for index in indices}


def test_only_what_changed_is_learnt_again(state):
    propagation, segments = state
    read = []
    first = given(segments, [0, 1], read)
    assert sorted(propagation.learn(first, silent())) == [0, 1]
    propagation.learn(given(segments, [0, 1, 2], read), silent())
    assert read == [0, 1, 2]
    changed = {**first, 1: GivenLabels(lambda: labels_of(segments[1], (0, 0, 3, 3)), version=2)}
    lessons = propagation.learn(changed, silent())
    assert sorted(lessons) == [0, 1]
    assert lessons[1].values == (0, 3)
    assert read == [0, 1, 2]


def test_an_update_predicts_what_nobody_labelled_in_the_order_asked_for(state):
    propagation, segments = state
    lessons = propagation.learn(given(segments, [0, 1]), silent())
    delivered = []
    update = propagation.update(lessons, silent(), deliver=lambda one: delivered.append(one.index))
    assert delivered == [2, 3, 4, 5, 6, 7]
    assert update.unlike == {7}
    assert update.doubts[7] == 1.0
    assert any("7.png" in text for text in update.warnings)
    some = propagation.update(lessons, silent(), only=[5, 3], quick=True)
    assert [one.index for one in some.predicted] == [5, 3]
    shown = propagation.labels(update.model, 4, np.zeros((14 * PATCH, 16 * PATCH, 3), np.uint8))
    assert (shown == labels_of(segments[4])).mean() > 0.95


def test_the_next_image_is_never_one_of_something_else_while_others_are_left(state):
    propagation, segments = state
    lessons = propagation.learn(given(segments, [0, 1]), silent())
    following = propagation.next_images(lessons, propagation.update(lessons, silent()))
    assert sorted(following) == [2, 3, 4, 5, 6]


def test_the_quality_of_the_rest_is_estimated_from_two_images_on(state):
    propagation, segments = state
    one = propagation.learn(given(segments, [0]), silent())
    assert propagation.quality(propagation.held_out(one, silent()), propagation.update(one, silent())) is None
    lessons = propagation.learn(given(segments, range(5)), silent())
    found = propagation.quality(
        propagation.held_out(lessons, silent()), propagation.update(lessons, silent(), only=[5, 6])
    )
    assert found is not None
    assert found.trusted
    assert found.mean > 0.9


def test_faults_are_found_in_labelled_and_in_other_images(state):
    propagation, segments = state
    lessons = propagation.learn(given(segments, range(4)), silent())
    swapped = labels_of(segments[4], (0, 0, 7, 3))
    hole = labels_of(segments[0])
    hole[6 * PATCH, 5 * PATCH] = 0

    def broken():
        raise FormatError("the picture is damaged")

    ctx = silent()
    found = propagation.check(lessons, {0: lambda: hole, 4: lambda: swapped, 5: broken}, NAMES, ctx)
    assert {(one.image, one.kind) for one in found} == {("4.png", "other part"), ("0.png", "hole")}
    assert found[0].kind == "other part"
    assert [str(error.path).endswith("5.png") for error in ctx.failures] == [True]


def test_unusable_labels_are_named_and_the_rest_teaches(state):
    propagation, segments = state
    ctx = silent()
    wrong = {**given(segments, [0]), 1: GivenLabels(lambda: np.zeros((3, 4), np.uint8), version=1)}
    assert sorted(propagation.learn(wrong, ctx)) == [0]
    assert str(ctx.failures[0].path).endswith("1.png")
    with pytest.raises(UsageError, match="no image is labelled"):
        propagation.update({}, silent())


def test_everything_labelled_as_part_is_said(state):
    propagation, segments = state
    full = {0: GivenLabels(lambda: labels_of(segments[0], (3, 3, 3, 7)), version=1)}
    update = propagation.update(propagation.learn(full, silent()), silent())
    assert any("No background is labelled" in text for text in update.warnings)


def test_an_update_can_be_cancelled(state):
    propagation, segments = state
    lessons = propagation.learn(given(segments, [0]), silent())
    token = CancelToken()
    ctx = JobContext(token=token)
    seen = []

    def stop(one):
        seen.append(one.index)
        token.cancel()

    with pytest.raises(JobCancelledError):
        propagation.update(lessons, ctx, deliver=stop)
    assert seen == [1]
