"""The numbers behind co-segmentation: votes, samples, the linear score, worked out by hand."""

import dataclasses

import numpy as np
import pytest

from counterpart.core.cosegment.cosegmentation import CosegmentedImage, _Poll, _Work, cosegment
from counterpart.core.cosegment.foreground import ForegroundModel, fit_linear, sigmoid
from counterpart.core.cosegment.params import CosegmentParams
from counterpart.core.features.clustering import Clustering
from counterpart.core.features.saliency import SaliencyParams, border_tokens, saliency_map
from counterpart.core.jobs import silent
from tests.core.synthetic import feature_map, palette, scene_set

SEEDED = CosegmentParams(threshold=0.4, clusters=8)


def work(maps, params=SEEDED, given=None):
    return _Work(maps, params, silent(), (), given or {})


def four_tokens(seed=0):
    """Two by two tokens, each of its own segment."""
    return feature_map(np.arange(4).reshape(2, 2), palette(4), noise=0.05, seed=seed)


def test_above_an_even_chance_is_foreground():
    image = CosegmentedImage(np.array([[0.5, 0.51]], np.float32), np.zeros((1, 2), np.float32))
    assert image.mask.tolist() == [[False, True]]


def test_an_image_votes_on_clusters_that_more_than_a_share_of_it_belongs_to():
    params = dataclasses.replace(SEEDED, present=0.25, threshold=0.5)
    poll = _Poll(4)
    labels = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    # Means 0.625, 0.5 and 0.95; cluster 2 has exactly a quarter of the tokens, which is not more; 3 does not occur.
    poll.count(labels, np.array([0.5, 0.625, 0.75, 0.25, 0.5, 0.75, 0.9, 1], np.float32), params)
    assert poll.voters.tolist() == [1, 1, 0, 0]
    assert poll.salient.tolist() == [1, 0, 0, 0]
    poll.count(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1], np.float32), params)
    assert (poll.voters.tolist(), poll.salient.tolist()) == ([2, 2, 0, 0], [1, 1, 0, 0])
    assert poll.chosen(0.5).tolist() == [True, True, False, False]
    assert not poll.chosen(0.51).any()
    assert poll.chosen(0).tolist() == [True, True, False, False]  # what nobody found salient is not foreground


def test_in_the_paper_all_images_vote_on_all_clusters():
    poll = _Poll(2)
    poll.count(np.array([0, 0]), np.array([1, 1], np.float32), dataclasses.replace(SEEDED, present=0.0))
    assert (poll.voters.tolist(), poll.salient.tolist()) == ([1, 1], [1, 0])


def test_every_nth_descriptor_of_all_images_in_a_row_is_trained_on():
    maps = [four_tokens(0), four_tokens(1)]
    samples = work(maps, dataclasses.replace(SEEDED, sample_every=3))._sample()
    # Of eight in a row the first, fourth and seventh: 0 and 3 of the one image, 2 of the other.
    expected = np.stack([maps[0].flat()[0], maps[0].flat()[3], maps[1].flat()[2]])
    np.testing.assert_allclose(samples, expected, rtol=1e-6)


def test_six_thousand_descriptors_are_trained_on_at_most():
    large = feature_map(np.zeros((80, 80), int), palette(1), seed=0)
    assert len(work([large])._sample()) == 6000
    assert [len(work([large] * count)._sample()) for count in (7,)] == [7 * (6000 // 7)]
    assert len(work([four_tokens()])._sample()) == 4


@pytest.mark.parametrize(
    ("asked", "sizes"), [(10, [4, 6, 8, 10, 12]), (2, [2]), (5, [2, 3, 4, 5, 6]), (7, [3, 4, 6, 7, 8])]
)
def test_coarser_and_finer_clusterings_vote_too(asked, sizes):
    run = work([], dataclasses.replace(SEEDED, clusters=asked))
    run.samples = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    assert [found.k for found in run._clusterings()] == sizes


def test_what_a_person_gave_weighs_as_much_as_the_votes():
    image = four_tokens()
    run = work([four_tokens(5), image], given={1: np.array([[0, 0.25], [0.5, 1]])})
    samples, targets = run._with_given(np.ones((6, 32), np.float32), np.full(6, 0.75, np.float32))
    rows = [0, 0, 1, 2, 2, 3]  # six places spread evenly over four tokens
    np.testing.assert_array_equal(samples, np.concatenate([np.ones((6, 32)), image.flat()[rows]]))
    assert targets.tolist() == [0.75] * 6 + [0, 0, 0.25, 0.5, 0.5, 1]


@pytest.mark.parametrize(("vote", "says"), [(True, "Everything in the images is salient"), (False, "No part of the")])
def test_a_vote_without_two_sides_teaches_nothing_and_says_so(vote, says):
    run = work([four_tokens()])
    run.samples = four_tokens().flat()
    clusters = Clustering(run.samples, np.arange(4), 0.0)
    model = run._by_score([clusters], [np.full(4, vote)])
    assert model.weights is None
    assert [text.startswith(says) for text in run.warnings] == [True]
    assert run._by_score([clusters], [np.array([True, False, False, False])]).weights is not None


def test_a_warning_of_all_or_nothing_is_for_all_images_alike():
    def image(*values):
        return CosegmentedImage(np.array([values], np.float32), np.zeros((1, 2), np.float32))

    run = work([])
    run._describe([image(1, 1), image(0, 1)])
    run._describe([image(0, 0), image(0, 1)])
    assert run.warnings == []
    run._describe([image(1, 1), image(1, 1)])
    run._describe([image(0, 0), image(0, 0)])
    assert [text[:10] for text in run.warnings] == ["Everything", "No foregro"]


def test_an_image_in_which_nothing_stands_out_scores_nothing():
    maps, _ = scene_set(3)
    flat = feature_map(np.zeros((14, 16), int), palette(1), noise=0, seed=9)
    assert not cosegment([*maps, flat], SEEDED, silent()).images[3].score.any()


def test_the_logistic_function():
    np.testing.assert_allclose(sigmoid(np.array([0, np.log(3), -np.log(9)])), [0.5, 0.75, 0.1], rtol=1e-6)


def test_saliency_alone_speaks_with_three_deviations():
    scene = feature_map(np.array([[0, 1]]), palette(2), salient=(1,))
    chance = ForegroundModel(SaliencyParams("cls"), 0.25).probability(scene)
    # Saliency 0 and 1 against 0.25, three times: 1 / (1 + exp(0.75)) and 1 / (1 + exp(-2.25)).
    np.testing.assert_allclose(chance, [[0.320821, 0.904651]], rtol=1e-5)


def test_the_linear_score_adds_to_saliency():
    scene = feature_map(np.array([[0, 1]]), palette(2), noise=0, salient=(1,))
    model = ForegroundModel(SaliencyParams("cls"), 0.25, weights=2 * palette(2)[0], bias=-0.5)
    # 2 - 0.5 - 0.75 and 0 - 0.5 + 2.25.
    np.testing.assert_allclose(model.probability(scene), sigmoid(np.array([[0.75, 1.75]])), rtol=1e-5)


@pytest.mark.parametrize(("neighbours", "anew"), [(10, True), (36, True), (37, False)])
def test_an_object_at_the_border_is_not_background_for_itself(neighbours, anew):
    segments = np.zeros((10, 12), int)
    segments[3:10, 4:8] = 1  # touches the lower border with four of its forty tokens
    scene = feature_map(segments, palette(2), noise=0.02)
    params = SaliencyParams("background", neighbours=neighbours)
    model = ForegroundModel(params, 0.5, weights=8 * palette(2)[1], bias=-4.0)
    seeds = border_tokens((10, 12)) & (segments == 0)
    assert seeds.sum() == 36
    saliency = saliency_map(scene, params, seeds) if anew else saliency_map(scene, params)
    linear = scene.flat() @ model.weights - 4
    np.testing.assert_allclose(
        model.probability(scene), sigmoid(linear.reshape(10, 12) + 3 * (saliency - 0.5)), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("ridge", "bias"),
    [
        (1e-6, 1.0),  # chances 0.9 at 1 and 0.5 at -1: logits ln 9 and 0, so slope and bias are both ln 9 / 2
        (10.0, 43.25),  # the slope shrinks to 0.2 / (10 + 0.7 * 0.3), the bias stays ln(0.7 / 0.3)
    ],
)
def test_the_ridge_holds_the_slope_and_not_the_bias(ridge, bias):
    samples = np.tile([[1.0], [-1.0]], (50, 1)).astype(np.float32)
    weights, offset = fit_linear(samples, np.tile([0.9, 0.5], 50), ridge)
    assert weights == pytest.approx([1.0], rel=1e-4)
    assert offset == pytest.approx(bias, rel=2e-3)


def test_saliency_alone_knows_no_clusters():
    result = cosegment(scene_set(3)[0], CosegmentParams(method="baseline"), silent())
    assert (result.k, result.foreground_clusters) == (0, 0)


@pytest.mark.parametrize(
    ("votes", "says"),
    [
        ([[True] * 4, [False] * 4], "Everything in the images is"),  # half of the clusterings are enough
        ([[False] * 4, [False] * 4, [True] * 4], "No part of the images is"),  # a third of them is not
        ([[True, False, False, False], [False] * 4], None),
    ],
)
def test_a_token_is_foreground_to_the_share_of_clusterings_that_say_so(votes, says):
    run = work([four_tokens()])
    run.samples = four_tokens().flat()
    clusters = Clustering(run.samples, np.arange(4), 0.0)
    model = run._by_score([clusters] * len(votes), [np.array(vote) for vote in votes])
    assert (model.weights is None) == (says is not None)
    assert [text[: len(says or "")] for text in run.warnings] == ([] if says is None else [says])


def test_a_linear_score_has_no_bias_unless_given():
    scene = feature_map(np.array([[0, 1]]), palette(2), noise=0, salient=(1,))
    model = ForegroundModel(SaliencyParams("cls"), 0.25, weights=2 * palette(2)[0])
    np.testing.assert_allclose(model.probability(scene), sigmoid(np.array([[2 - 0.75, 2.25]])), rtol=1e-5)


def test_saliency_and_score_together_say_what_is_object_at_the_border():
    """The object's score alone speaks for background, its saliency outweighs that: it is no background for itself."""
    segments = np.zeros((10, 12), int)
    segments[3:10, 4:8] = 1
    scene = feature_map(segments, palette(2), noise=0.02)
    params = SaliencyParams("background", neighbours=10)
    plain = saliency_map(scene, params)
    ends = border_tokens((10, 12)) & (segments == 1)
    weights = -0.1 * palette(2)[1]
    threshold = float(plain[ends].min()) - 0.2  # three times 0.2 is more than 0.1
    model = ForegroundModel(params, threshold, weights=weights)
    linear = (scene.flat() @ weights).reshape(10, 12)
    seeds = border_tokens((10, 12)) & (linear + 3 * (plain - threshold) < 0)
    assert not seeds[ends].any()
    assert 10 <= seeds.sum() < 40
    saliency = saliency_map(scene, params, seeds)
    np.testing.assert_allclose(model.probability(scene), sigmoid(linear + 3 * (saliency - threshold)), rtol=1e-5)
