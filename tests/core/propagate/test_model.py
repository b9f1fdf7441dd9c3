"""What is learnt and voted, against the same written out one token at a time."""

import dataclasses
import math

import cv2
import numpy as np
import pytest

from counterpart.core.backbone.registry import built_in_models
from counterpart.core.errors import UsageError
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.reading import resize_rgb
from counterpart.core.jobs import silent
from counterpart.core.propagate import (
    PropagateParams,
    estimate_quality,
    expected_table,
    fit,
    hold_out,
    lesson,
    pixels,
    predict,
    widen,
)
from counterpart.core.propagate.lessons import descriptors
from counterpart.core.propagate.model import vote
from counterpart.core.propagate.quality import HeldOut
from counterpart.core.refine import guided_filter
from tests.core.part_scores import scores
from tests.core.synthetic import PATCH, TAP, feature_map, palette

ONE = PropagateParams(taps=(TAP,), detail=1, mirror=False)


def unit(values):
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def scene(seed=0, rows=5, cols=6, noise=0.3, labels=4):
    """Features of random segments, and a ragged label map of as many labels (0, 1, ...)."""
    rng = np.random.default_rng(seed)
    segments = rng.integers(0, labels, (rows, cols))
    big = np.kron(segments, np.ones((PATCH, PATCH), int))
    noisy = np.where(rng.random(big.shape) < 0.2, rng.integers(0, labels, big.shape), big)
    return feature_map(segments, palette(labels), noise=noise, seed=seed), noisy


def shares_of(labels, cells, values):
    """(N, cells * cells, labels) counted pixel by pixel, for patches that are tokens."""
    side = PATCH // cells
    rows, cols = labels.shape[0] // PATCH, labels.shape[1] // PATCH
    out = np.zeros((rows * cols, cells * cells, len(values)))
    for r, c, i, j in np.ndindex(rows, cols, cells, cells):
        top, left = r * PATCH + i * side, c * PATCH + j * side
        block = labels[top : top + side, left : left + side]
        out[r * cols + c, i * cells + j] = [(block == value).mean() for value in values]
    return out


# Lessons --------------------------------------------------


@pytest.mark.parametrize("detail", [1, 2, 4])
def test_a_lesson_counts_the_share_of_each_label_in_each_cell(detail):
    features, labels = scene()
    labels = np.array([0, 9, 3, 300])[labels]
    one = lesson(features, labels, dataclasses.replace(ONE, detail=detail))
    assert one.values == (0, 3, 9, 300)
    assert one.parts == (3, 9, 300)
    np.testing.assert_allclose(one.shares, shares_of(labels, detail, one.values), atol=1e-3)
    np.testing.assert_allclose(one.tokens, unit(features.maps[0].reshape(30, -1)), atol=1e-3)
    assert one.own == 30


def test_a_token_is_known_by_all_of_its_cells_together():
    features, _ = scene()
    labels = np.full((40, 48), 2, np.uint8)
    labels[:8, :8] = 255
    labels[:4, :4] = 2  # one cell of four
    one = lesson(features, labels, dataclasses.replace(ONE, detail=2), ignore=255)
    assert len(one.tokens) == 29


@pytest.mark.parametrize(("asked", "used"), [(2, 2), (3, 2), (5, 4), (7, 4), (8, 8)])
def test_cells_are_the_most_that_divide_a_stride_of_eight_and_are_asked_for(asked, used):
    features, labels = scene()
    assert lesson(features, labels, dataclasses.replace(ONE, detail=asked)).shares.shape[1] == used**2


def test_background_is_always_a_label_and_what_is_ignored_never_is():
    features, _ = scene()
    labels = np.full((40, 48), 2, np.uint8)
    labels[:, :20] = 255  # two columns of tokens and half of a third
    one = lesson(features, labels, ONE, ignore=255)
    assert one.values == (0, 2)
    assert len(one.tokens) == 15  # a token is known where more than half of it is


def test_the_mirror_image_teaches_after_the_image_itself():
    features, labels = scene()
    flipped, _ = scene(seed=1)
    one = lesson(features, labels, dataclasses.replace(ONE, mirror=True), mirrored=flipped)
    assert (len(one.tokens), one.own) == (60, 30)
    np.testing.assert_allclose(one.shares[30:], shares_of(labels[:, ::-1], 1, one.values), atol=1e-3)
    np.testing.assert_allclose(one.tokens[30:], unit(flipped.maps[0].reshape(30, -1)), atol=1e-3)


def two_taps(count):
    rng = np.random.default_rng(0)
    taps = tuple(Tap(layer, "token") for layer in range(count))
    maps = tuple(rng.normal(size=(3, 4, 5)).astype(np.float32) for _ in taps)
    spec = FeatureSpec("made", "0", taps, PATCH, None, None, storage="float32")
    geometry = GridGeometry.plan((3 * PATCH, 4 * PATCH), None, PATCH, PATCH)
    return FeatureMap(spec, "0", geometry, maps, tuple(each.mean(axis=(0, 1)) for each in maps), None), taps


@pytest.mark.parametrize("count", [1, 2, 3])
def test_descriptors_of_several_taps_have_an_equal_say(count):
    features, taps = two_taps(count)
    found = descriptors(features, taps)
    expected = np.concatenate([unit(each.reshape(12, 5)) for each in features.maps], axis=1) / math.sqrt(count)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_without_taps_the_first_of_the_features_is_taken():
    features, taps = two_taps(2)
    np.testing.assert_array_equal(descriptors(features, ()), descriptors(features, taps[:1]))
    labels = np.ones((24, 32), np.uint8)
    last = lesson(features, labels, PropagateParams(taps=taps)).image_descriptor
    np.testing.assert_allclose(last, unit(features.maps[1].mean(axis=(0, 1))), atol=1e-5)


# What is kept --------------------------------------------------


def test_everything_is_kept_where_there_is_room():
    maps = [scene(seed) for seed in range(2)]
    lessons = [lesson(features, labels, ONE) for features, labels in maps]
    assert len(fit(lessons, dataclasses.replace(ONE, memory=60)).tokens) == 60
    assert len(fit(lessons, dataclasses.replace(ONE, memory=59)).tokens) == 59


def test_room_that_a_small_image_leaves_goes_to_the_larger_ones():
    small, large = scene(0, 2, 3), scene(1, 6, 8)
    lessons = [lesson(features, labels, ONE) for features, labels in (large, small)]
    model = fit(lessons, dataclasses.replace(ONE, memory=40))
    assert len(model.tokens) == 40  # 6 and 34
    np.testing.assert_array_equal(model.tokens[:6], lessons[1].tokens.astype(np.float32))


def test_labels_of_all_images_are_put_in_one_order():
    (first, a), (second, b) = scene(0), scene(1)
    lessons = [lesson(first, np.array([0, 7, 7, 0])[a], ONE), lesson(second, np.array([0, 3, 9, 0])[b], ONE)]
    model = fit(lessons, ONE)
    assert model.values == (0, 3, 7, 9)
    assert model.taught == 2
    expected = [shares_of(np.array([0, 7, 7, 0])[a], 1, model.values)[:, 0]]
    expected.append(shares_of(np.array([0, 3, 9, 0])[b], 1, model.values)[:, 0])
    np.testing.assert_allclose(model.shares, np.concatenate(expected), atol=1e-3)


def test_a_coarser_model_takes_the_mean_of_its_lessons_cells():
    features, labels = scene()
    fine = lesson(features, labels, dataclasses.replace(ONE, detail=2))
    model = fit([fine], ONE)
    np.testing.assert_allclose(model.shares, shares_of(labels, 1, fine.values)[:, 0], atol=1e-3)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_rare_parts_and_borders_are_preferred_by_a_weighted_draw(balance):
    """Efraimidis, Spirakis 2006: the smallest of exponential numbers divided by the weights.

    A token's weight is the mean over its labels of (all / size of the label) to the power of `balance`, three times as
    much where no label has 0.95 of it.
    """
    features, labels = scene(rows=9, cols=10, labels=3)
    labels[:48, :40][labels[:48, :40] == 2] = 1
    labels[48:, :] = 0  # some tokens of one label
    labels[48, :] = 2  # some of 7 in 8, which is not one label
    one = lesson(features, labels, ONE)
    shares = one.shares[:, 0].astype(np.float64)
    sizes = shares.sum(axis=0)
    chance = shares @ (sizes.sum() / sizes) ** balance * np.where(shares.max(axis=1) < 0.95, 3, 1)
    keys = np.random.default_rng(5).exponential(size=90) / chance
    expected = np.sort(np.argsort(keys)[:20])
    model = fit([one], dataclasses.replace(ONE, memory=20, balance=balance, seed=5))
    np.testing.assert_array_equal(model.tokens, one.tokens[expected].astype(np.float32))


def test_too_many_images_are_chosen_evenly():
    lessons = [lesson(*scene(seed), ONE) for seed in range(7)]
    model = fit(lessons, dataclasses.replace(ONE, images=3))
    expected = np.concatenate([lessons[index].tokens for index in (0, 3, 6)]).astype(np.float32)
    np.testing.assert_array_equal(model.tokens, expected)
    assert model.taught == 7
    assert len(fit(lessons, dataclasses.replace(ONE, images=7)).tokens) == 7 * 30


def test_principal_components_are_those_of_what_is_kept():
    one = lesson(*scene(), ONE)
    model = fit([one], dataclasses.replace(ONE, dims=3))
    tokens = one.tokens.astype(np.float64)
    centred = tokens - tokens.mean(axis=0)
    _, _, axes = np.linalg.svd(centred)
    np.testing.assert_allclose(np.abs(axes[:3] @ model.basis), np.eye(3), atol=1e-3)
    np.testing.assert_allclose(model.tokens, unit(centred @ model.basis), atol=1e-3)
    # As many as there are, or more, change nothing.
    assert fit([one], dataclasses.replace(ONE, dims=32)).basis is None
    assert fit([one], dataclasses.replace(ONE, dims=31)).basis.shape == (32, 31)


# Votes --------------------------------------------------


@pytest.mark.parametrize(("neighbours", "temperature"), [(1, 0.05), (4, 0.05), (4, 0.5), (999, 0.2)])
def test_the_most_similar_tokens_vote_by_their_similarity(neighbours, temperature):
    params = dataclasses.replace(ONE, neighbours=neighbours, temperature=temperature, detail=2)
    one = lesson(*scene(), params)
    model = fit([one], params)
    asked, _ = scene(seed=3)
    tokens = descriptors(asked, (TAP,))
    found, likeness = vote(model, tokens)
    for row, token in enumerate(tokens):
        cosine = one.tokens.astype(np.float64) @ token
        top = np.argsort(-cosine)[:neighbours]
        weights = np.exp(cosine[top] / temperature)
        expected = np.tensordot(weights / weights.sum(), one.shares[top].astype(np.float64), axes=1)
        np.testing.assert_allclose(found[row], expected / expected.sum(axis=-1, keepdims=True), atol=2e-4)
        assert likeness[row] == pytest.approx(cosine.max(), abs=1e-3)


def test_predicted_cells_lie_where_their_tokens_do():
    params = dataclasses.replace(ONE, detail=2, neighbours=1)
    features, labels = scene(noise=0.5)
    found = predict(fit([lesson(features, labels, params)], params), features)  # each token is its own neighbour
    assert found.probability.shape == (10, 12, 4)
    cells = labels.reshape(10, 4, 12, 4)
    for value in range(4):
        expected = (cells == value).mean(axis=(1, 3))
        np.testing.assert_allclose(found.probability[..., value], expected, atol=2e-3)
    assert found.likeness.shape == (5, 6)
    np.testing.assert_allclose(found.likeness, 1, atol=1e-3)
    labels = found.probability.argmax(axis=-1)
    np.testing.assert_array_equal(found.labels, labels)


def test_the_label_of_a_token_is_the_likeliest_on_the_mean_of_its_cells():
    cells = np.zeros((2, 4, 3))
    cells[:, :2] = [[[0.4, 0.6, 0.0], [0.4, 0.6, 0.0]], [[1.0, 0.0, 0.0], [0.4, 0.0, 0.6]]]  # mean 0.55, 0.3, 0.15
    cells[:, 2:] = [[[0.0, 0.4, 0.6], [0.6, 0.4, 0.0]], [[0.6, 0.4, 0.0], [0.0, 0.4, 0.6]]]  # mean 0.3, 0.4, 0.3
    found = scores(cells, likeness=[[1, 1]], values=(0, 4, 300))
    assert found.token_labels.tolist() == [[0, 4]]
    assert found.labels.tolist() == [[4, 4, 300, 0], [0, 300, 0, 300]]


def test_a_model_learns_from_its_sure_predictions_of_other_images():
    """Where a label has more than 0.6 of a token; rare labels are preferred by a weighted draw."""
    params = dataclasses.replace(ONE, neighbours=6, temperature=0.3, balance=0.5, seed=3)
    model = fit([lesson(*scene(), params)], params)
    other, _ = scene(seed=9, noise=0.6)
    tokens = descriptors(other, (TAP,))
    chances = vote(model, tokens)[0][:, 0].astype(np.float64)
    sure = np.flatnonzero(chances.max(axis=1) > 0.6)
    assert 12 < len(sure) < 30
    sizes = chances[sure].sum(axis=0)
    weights = chances[sure] @ (sizes.sum() / sizes) ** 0.5
    keys = np.random.default_rng(3).exponential(size=len(sure)) / weights
    rows = sure[np.sort(np.argsort(keys)[:10])]
    wider = widen(model, [other], 10)
    np.testing.assert_array_equal(wider.tokens[:30], model.tokens)
    np.testing.assert_allclose(wider.tokens[30:], tokens[rows], atol=1e-6)
    np.testing.assert_allclose(wider.shares[30:], chances[rows], atol=1e-6)
    assert len(widen(model, [other, other], 99).tokens) == 30 + 2 * len(sure)
    assert wider.taught == model.taught


# Pixels --------------------------------------------------


def smooth_scores(values=(0, 1, 2), seed=0):
    probability = np.random.default_rng(seed).random((5, 6, 3)) ** 2
    return scores(probability / probability.sum(axis=-1, keepdims=True), values=values)


@pytest.mark.parametrize("working_size", [48, 30, 500])
def test_probabilities_are_enlarged_before_they_are_compared(working_size):
    found = smooth_scores()
    shown = pixels(found, np.zeros((40, 48, 3), np.uint8), dataclasses.replace(ONE, working_size=working_size))
    small = (25, 30) if working_size == 30 else (40, 48)
    fine = [found.geometry.upsample(found.probability[..., label], out_hw=small) for label in range(3)]
    fine = [cv2.resize(each, (48, 40), interpolation=cv2.INTER_LINEAR) for each in fine]
    np.testing.assert_array_equal(shown, np.argmax(fine, axis=0))


@pytest.mark.parametrize(("working_size", "radius"), [(48, 6), (36, 5), (8, 1)])
def test_edges_are_followed_by_a_guided_filter_of_four_fifths_of_a_token(working_size, radius):
    found = smooth_scores(seed=1)
    rgb = np.random.default_rng(2).integers(0, 255, (40, 48, 3), np.uint8)
    params = dataclasses.replace(ONE, working_size=working_size, refine="guided")
    small = {48: (40, 48), 36: (30, 36), 8: (7, 8)}[working_size]
    guide = resize_rgb(rgb, small)
    fine = []
    for label in range(3):
        one = guided_filter(guide, found.geometry.upsample(found.probability[..., label], out_hw=small), radius, 1e-3)
        fine.append(cv2.resize(one, (48, 40), interpolation=cv2.INTER_LINEAR))
    assert (pixels(found, rgb, params) == np.argmax(fine, axis=0)).mean() > 0.999


@pytest.mark.parametrize(("highest", "kind"), [(255, np.uint8), (256, np.uint16)])
def test_labels_above_a_byte_take_two(highest, kind):
    shown = pixels(smooth_scores((0, 1, highest)), np.zeros((40, 48, 3), np.uint8), ONE)
    assert shown.dtype == kind
    assert set(np.unique(shown)) == {0, 1, highest}


# Quality --------------------------------------------------


def test_the_expected_table_shares_cells_out_by_their_likeliest_label():
    found = expected_table(scores([[[0.7, 0.3], [0.2, 0.8]], [[0.6, 0.4], [1.0, 0.0]]]))
    np.testing.assert_allclose(found, [[(0.7 + 0.6 + 1.0) / 4, (0.3 + 0.4) / 4], [0.2 / 4, 0.8 / 4]], atol=1e-6)


def table(both, only_predicted, only_true):
    """Shares of an image for a part of which so much is right, too much, and missed."""
    return np.array([[1 - both - only_predicted - only_true, only_true], [only_predicted, both]])


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_quality_is_what_is_expected_corrected_by_how_far_that_was_off(count):
    """Held out: the part has 0.3 of 0.5 true and 0.4 of 0.5 expected, so 0.2 is taken off what is expected here."""
    held = [HeldOut(i, (0, 1), table(0.3, 0.1, 0.1), table(0.4, 0.05, 0.05)) for i in range(count)]
    here = 3 * table(0.35, 0.1, 0.05)  # three unreviewed images: 0.7 is expected
    found = estimate_quality(held, here, (0, 1))
    # One image more has been learnt from than when each of n was left out: errors fall as (n / (n - 1)) ** -0.2.
    gain = (count / max(count - 1, 1)) ** -0.2
    background = 0.5 / 0.65 + 0.5 / 0.7 - 0.5 / 0.6
    assert found.iou[1] == pytest.approx(1 - (1 - 0.5) * gain, abs=1e-4)
    assert found.iou[0] == pytest.approx(1 - (1 - background) * gain, abs=1e-4)
    assert found.mean == pytest.approx((found.iou[0] + found.iou[1]) / 2)
    assert (found.images, found.trusted) == (count, count >= 5)


def test_quality_stays_between_none_and_full():
    held = [HeldOut(0, (0, 1), table(0.5, 0.0, 0.0), table(0.2, 0.2, 0.1))]
    assert estimate_quality(held, table(0.45, 0.05, 0.0), (0, 1)).iou[1] == 1
    held = [HeldOut(0, (0, 1), table(0.0, 0.3, 0.2), table(0.4, 0.05, 0.05))]
    assert estimate_quality(held, table(0.2, 0.2, 0.1), (0, 1)).iou[1] == 0


def test_a_part_that_the_unreviewed_images_lack_is_as_good_as_in_the_reviewed_ones():
    held = [HeldOut(i, (0, 1), table(0.3, 0.1, 0.1), table(0.4, 0.05, 0.05)) for i in range(2)]
    found = estimate_quality(held, np.array([[1.0]]), (0,))
    assert found.iou[1] == pytest.approx(1 - 0.4 * 2**-0.2, abs=1e-4)


def test_images_are_left_out_in_at_most_ten_groups():
    lessons = [lesson(*scene(seed, 2, 3), ONE) for seed in range(12)]
    found = hold_out(lessons, ONE, silent())
    assert [one.index for one in found] == [0, 10, 1, 11, 2, 3, 4, 5, 6, 7, 8, 9]


def test_a_held_out_image_is_predicted_from_the_others_and_compared_with_what_each_cell_mostly_is():
    lessons = [lesson(*scene(seed), ONE) for seed in range(3)]
    found = {one.index: one for one in hold_out(lessons, ONE, silent())}
    chances = vote(fit([lessons[0], lessons[2]], ONE), lessons[1].tokens)[0][:, 0]
    mostly = lessons[1].shares[:, 0].argmax(axis=1)
    expected, true = np.zeros((4, 4)), np.zeros((4, 4))
    for chance, label in zip(chances, mostly, strict=True):
        true[chance.argmax(), label] += 1 / 30
        expected[chance.argmax()] += chance / 30
    np.testing.assert_allclose(found[1].true, true, atol=1e-6)
    np.testing.assert_allclose(found[1].expected, expected, atol=1e-5)
    union = true.sum(axis=0) + true.sum(axis=1) - np.diag(true)
    assert found[1].iou == pytest.approx({value: true[value, value] / union[value] for value in range(4)}, abs=1e-4)


def test_a_label_that_only_the_others_have_counts_as_predicted():
    (first, a), (second, b) = scene(0), scene(1)
    lessons = [lesson(first, np.array([0, 5, 5, 0])[a], ONE), lesson(second, np.array([0, 2, 5, 0])[b], ONE)]
    found = hold_out(lessons, ONE, silent())
    assert found[0].values == (0, 2, 5)
    assert found[0].true[:, 1].sum() == 0
    assert found[0].true.sum() == pytest.approx(1)


def test_lessons_that_are_mirrored_finer_or_without_a_part_are_judged_like_others():
    params = dataclasses.replace(ONE, detail=2, mirror=True)
    lessons = []
    for seed in range(3):
        features, labels = scene(seed)
        flipped, _ = scene(seed + 10)
        lessons.append(lesson(features, labels if seed else 0 * labels, params, mirrored=flipped))
    found = {one.index: one for one in hold_out(lessons, dataclasses.replace(params, detail=1), silent())}
    assert sorted(found) == [0, 1, 2]
    assert found[0].true[:, 0].sum() == pytest.approx(1)  # all of it is background
    mostly = lessons[1].shares[:30].astype(np.float64).mean(axis=1).argmax(axis=1)
    for value in range(4):
        assert found[1].true[:, value].sum() == pytest.approx((mostly == value).mean())


# Settings --------------------------------------------------


@pytest.mark.parametrize(
    ("last", "layers"),
    [
        (Tap(11, "token"), [8, 10, 11]),
        (Tap(3, "token"), [0, 2, 3]),
        (Tap(2, "token"), [1, 2]),
        (Tap(0, "token"), [0]),
        (Tap(11, "key"), [11]),
    ],
)
def test_earlier_blocks_serve_beside_the_descriptors_of_parts(last, layers):
    info = built_in_models()[0]
    defaults = dataclasses.replace(info.defaults, parts_tap=last)
    assert PropagateParams.for_model(defaults).taps == tuple(Tap(layer, last.facet) for layer in layers)


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0.0}, {"balance": -0.01}, {"balance": 1.01}, {"dims": 0}, {"neighbours": 0}, {"memory": 0}],
)
def test_settings_that_cannot_predict_are_refused(change):
    with pytest.raises(UsageError):
        PropagateParams(**change)


def test_the_least_settings_are_taken():
    found = PropagateParams(
        temperature=0.001, balance=0.0, dims=1, neighbours=1, memory=1, detail=1, images=1, working_size=1
    )
    assert (found.dims, found.neighbours, found.memory, found.images) == (1, 1, 1, 1)
    assert PropagateParams(balance=1.0).balance == 1


def test_a_preview_keeps_what_is_already_quicker():
    quick = PropagateParams(memory=500, dims=20, detail=2, unlabelled=3, refine="guided").quick()
    assert (quick.memory, quick.dims, quick.detail, quick.unlabelled, quick.refine) == (500, 20, 1, 0, "none")
    plain = PropagateParams().quick()
    assert (plain.memory, plain.dims) == (1_200, 64)
    assert PropagateParams(dims=128).quick().dims == 64
