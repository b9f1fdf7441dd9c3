"""Co-segmentation on scenes whose segments are known."""

import dataclasses

import numpy as np
import pytest

from counterpart.core.cosegment.cosegmentation import cosegment, mask_pixels
from counterpart.core.cosegment.foreground import ForegroundModel, fit_linear
from counterpart.core.cosegment.params import CosegmentParams
from counterpart.core.errors import JobCancelledError, UsageError
from counterpart.core.features.saliency import SaliencyParams
from counterpart.core.jobs import CancelToken, JobContext, silent
from tests.core.synthetic import CountingSequence, disc, feature_map, palette, picture, scene_set, two_part_scene

SEEDED = CosegmentParams(threshold=0.4, clusters=8)
PAPER = dataclasses.replace(CosegmentParams.paper(), tap=None, saliency_tap=None, sample_every=3)
BASELINE = dataclasses.replace(CosegmentParams.baseline(), tap=None, saliency_tap=None)
ALL = [pytest.param(SEEDED, id="seeded"), pytest.param(PAPER, id="paper"), pytest.param(BASELINE, id="baseline")]


def truth(segments):
    return np.asarray(segments) >= 2


@pytest.mark.parametrize("params", ALL)
def test_finds_the_shared_object_in_every_image(params):
    maps, segments = scene_set(5)
    result = cosegment(maps, params, silent())
    for image, scene in zip(result.images, segments, strict=True):
        np.testing.assert_array_equal(image.mask, truth(scene))
        assert image.score.dtype == np.float32
        assert not image.outlier
    assert result.warnings == ()


def test_seeded_scores_are_soft():
    maps, _ = scene_set(4)
    scores = np.concatenate([image.score.ravel() for image in cosegment(maps, SEEDED, silent()).images])
    assert ((scores > 0.02) & (scores < 0.98)).any()
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_what_is_salient_in_one_image_alone_is_outvoted_in_the_paper():
    # Image 0 has a second salient thing (segment 4) that no other image has: 1 vote of 4.
    colours = palette(5)
    segments = [two_part_scene() for _ in range(4)]
    segments[0][0:4, 0:3] = 4
    maps = [feature_map(s, colours, salient=(2, 3, 4), seed=i) for i, s in enumerate(segments)]
    mask = cosegment(maps, PAPER, silent()).images[0].mask
    assert mask[disc()].all()
    assert not mask[0:4, 0:3].any()


def test_the_paper_needs_three_quarters_of_all_images_and_seeded_half_of_those_with_the_cluster():
    colours = palette(4)
    full = [feature_map(two_part_scene(), colours, salient=(2, 3), seed=i) for i in range(3)]
    without = [feature_map(np.zeros((14, 16), int), colours, salient=(), seed=i + 9) for i in range(3)]
    paper = cosegment(full + without, PAPER, silent())
    assert not any(image.mask.any() for image in paper.images)
    assert any("No foreground" in text for text in paper.warnings)
    seeded = cosegment(full + without, SEEDED, silent())
    for image in seeded.images[:3]:
        np.testing.assert_array_equal(image.mask, disc())


def test_result_is_the_same_for_the_same_seed():
    maps, _ = scene_set(3, noise=0.4)
    first, second = (cosegment(maps, SEEDED, silent()) for _ in range(2))
    for a, b in zip(first.images, second.images, strict=True):
        np.testing.assert_array_equal(a.score, b.score)


def outlier_set():
    maps, segments = scene_set(4)
    odd = feature_map(np.zeros((14, 16), int), palette(8)[5:], salient=(0,), seed=3)
    maps = [dataclasses.replace(m, cls=(palette(2)[0] + 0.1 * palette(6)[4],)) for m in maps]
    odd = dataclasses.replace(odd, cls=(palette(2)[1].copy(),))
    return [*maps[:2], odd, *maps[2:]], [*segments[:2], None, *segments[2:]]


@pytest.mark.parametrize("params", ALL)
def test_fault_outlier_removal_lost_an_image_and_paired_masks_with_wrong_files(params):
    maps, segments = outlier_set()
    ctx = silent()
    result = cosegment(maps, dataclasses.replace(params, outlier_cosine=0.7), ctx)
    assert [image.outlier for image in result.images] == [False, False, True, False, False]
    assert not result.images[2].mask.any()
    for index in (0, 1, 3, 4):
        np.testing.assert_array_equal(result.images[index].mask, truth(segments[index]))
    assert any("1 of 5 images" in text for text in ctx.warnings)
    rgb = np.zeros((112, 128, 3), np.uint8)
    assert not mask_pixels(result.images[2], maps[2], rgb, params).any()


def test_a_set_without_anything_in_common_keeps_its_images():
    maps = [dataclasses.replace(m, cls=(np.eye(32, dtype=np.float32)[i],)) for i, m in enumerate(scene_set(3)[0])]
    result = cosegment(maps, dataclasses.replace(SEEDED, outlier_cosine=0.9), silent())
    assert not any(image.outlier for image in result.images)
    assert any("none was taken for an outlier" in text for text in result.warnings)


@pytest.mark.parametrize("params", ALL)
def test_fault_nothing_salient_crashed(params):
    maps = [feature_map(np.zeros((9, 11), int), palette(1), noise=0, seed=i) for i in range(3)]
    result = cosegment(maps, params, silent())
    assert not any(image.mask.any() for image in result.images)
    assert any("Nothing stands out" in text for text in result.warnings)


@pytest.mark.parametrize("params", ALL)
def test_fault_everything_salient_crashed(params):
    maps, _ = scene_set(3)
    result = cosegment(maps, dataclasses.replace(params, threshold=-1.0, votes=0.1), silent())
    assert all(image.mask.all() for image in result.images)
    assert any("Everything" in text for text in result.warnings)


@pytest.mark.parametrize("params", ALL)
@pytest.mark.parametrize("count", [1, 2])
def test_one_image_and_two_images(params, count):
    maps, segments = scene_set(count)
    result = cosegment(maps, params, silent())
    for image, scene in zip(result.images, segments, strict=True):
        np.testing.assert_array_equal(image.mask, truth(scene))


@pytest.mark.parametrize("params", ALL)
def test_single_token_images(params):
    maps = [feature_map(np.zeros((1, 1), int), palette(1), seed=i) for i in range(2)]
    assert [image.mask.shape for image in cosegment(maps, params, silent()).images] == [(1, 1)] * 2


def test_no_images_is_a_usage_error():
    with pytest.raises(UsageError, match="no images"):
        cosegment([], SEEDED, silent())


@pytest.mark.parametrize("params", ALL)
def test_encoders_without_class_attention_use_the_border_and_say_so_once(params):
    colours = palette(4)
    segments = [two_part_scene(ground=i % 2) for i in range(4)]
    maps = [feature_map(s, colours, attention=False, seed=i) for i, s in enumerate(segments)]
    result = cosegment(maps, dataclasses.replace(params, threshold=0.4), silent())
    for image in result.images:
        np.testing.assert_array_equal(image.mask, disc())
    assert sum("no class attention" in text for text in result.warnings) == 1


def test_images_of_different_sizes_share_one_set():
    colours = palette(4)
    segments = [two_part_scene(), two_part_scene(20, 12, (9.0, 5.5)), two_part_scene(12, 24, (5.5, 11.5))]
    maps = [feature_map(s, colours, salient=(2, 3), seed=i) for i, s in enumerate(segments)]
    for image, scene in zip(cosegment(maps, SEEDED, silent()).images, segments, strict=True):
        np.testing.assert_array_equal(image.mask, truth(scene))


def test_augmented_copies_take_part_but_neither_vote_nor_are_returned():
    maps, segments = scene_set(2)
    flipped = [feature_map(s[:, ::-1], palette(4), salient=(), seed=9) for s in segments] * 4
    result = cosegment(maps, PAPER, silent(), extra=flipped)
    assert len(result.images) == 2
    # Not salient in the eight copies: had they voted, nothing would be foreground.
    for image, scene in zip(result.images, segments, strict=True):
        np.testing.assert_array_equal(image.mask, truth(scene))


def test_the_model_found_judges_new_images():
    maps, _ = scene_set(4)
    scene = two_part_scene(centre=(8.0, 10.0), ground=1)
    new = feature_map(scene, palette(4), salient=(2, 3), seed=99)
    for params in (SEEDED, PAPER, BASELINE):
        model = cosegment(maps, params, silent()).model
        np.testing.assert_array_equal(model.probability(new) > 0.5, truth(scene))


def test_features_are_read_one_at_a_time_and_never_copied_into_a_list():
    maps, _ = scene_set(5)
    lazy = CountingSequence(maps)
    cosegment(lazy, SEEDED, silent())
    assert 5 <= lazy.reads <= 4 * 5


@pytest.mark.parametrize("params", ALL)
def test_cancel_at_any_step(params):
    maps, _ = scene_set(3)
    reports = []
    cosegment(maps, params, JobContext(reports.append, min_interval_s=0))
    assert [r.fraction for r in reports] == sorted(r.fraction for r in reports)
    assert reports[-1].fraction == pytest.approx(1)
    for stop in range(len(reports)):
        token, seen = CancelToken(), []

        def report(progress, token=token, seen=seen, stop=stop):
            seen.append(progress)
            if len(seen) > stop:
                token.cancel()

        if stop < len(reports) - 1:
            with pytest.raises(JobCancelledError):
                cosegment(maps, params, JobContext(report, token, min_interval_s=0))


@pytest.mark.parametrize("refine", ["none", "guided", "grabcut", "crf"])
def test_pixel_mask_has_the_image_size_and_lies_where_the_object_is(refine):
    maps, segments = scene_set(3)
    params = dataclasses.replace(SEEDED, refine=refine)
    result = cosegment(maps, params, silent())
    rgb = picture(segments[0])
    mask = mask_pixels(result.images[0], maps[0], rgb, params)
    expected = np.repeat(np.repeat(truth(segments[0]), 8, 0), 8, 1)
    assert mask.shape == rgb.shape[:2]
    assert mask.dtype == bool
    assert (mask & expected).sum() / (mask | expected).sum() > (0.8 if refine == "none" else 0.85)


def test_the_score_is_upsampled_before_the_threshold():
    # Nearest labels would put the border on multiples of 8; the soft score puts it in between.
    maps, _ = scene_set(2)
    params = dataclasses.replace(SEEDED, refine="none")
    image = dataclasses.replace(
        cosegment(maps, params, silent()).images[0], score=np.tile(np.linspace(0, 0.7, 16, dtype=np.float32), (14, 1))
    )
    mask = mask_pixels(image, maps[0], np.zeros((112, 128, 3), np.uint8), params)
    first = int(mask[50].argmax())
    assert first == np.argmax(maps[0].geometry.upsample(image.score)[50] > 0.5)
    assert first % 8 not in {0, 7}


@pytest.mark.parametrize(
    "bad", [{"votes": 1.5}, {"present": -0.1}, {"elbow": 2.0}, {"clusters": 1}, {"max_k": 0}, {"sample_every": 0}]
)
def test_parameters_out_of_range_are_refused(bad):
    with pytest.raises(UsageError):
        dataclasses.replace(SEEDED, **bad)


def test_linear_score_separates_and_has_unit_spread():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(400, 6)).astype(np.float32)
    targets = (samples[:, 0] - 0.5 * samples[:, 2] > 0.1).astype(float)
    weights, bias = fit_linear(samples, targets, 1e-3)
    score = samples @ weights + bias
    assert ((score > 0) == targets.astype(bool)).mean() > 0.97
    assert score.std() == pytest.approx(1, rel=1e-3)


def test_linear_score_of_constant_descriptors_says_nothing():
    weights, bias = fit_linear(np.ones((20, 3), np.float32), np.tile([0.0, 1.0], 10), 1e-3)
    assert not weights.any()
    assert bias == 0


def test_without_linear_score_or_clusters_saliency_decides():
    scene = feature_map(two_part_scene(), palette(4), salient=(2, 3))
    model = ForegroundModel(SaliencyParams("cls"), 0.5)
    np.testing.assert_array_equal(model.probability(scene) > 0.5, disc())
