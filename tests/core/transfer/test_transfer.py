import dataclasses

import numpy as np
import pytest

from counterpart.core.errors import JobCancelledError, UsageError
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.project.points import Skeleton
from counterpart.core.transfer import Target, Template, TransferParams, transfer
from tests.core.transfer_scenes import CELL, NAMES, SKELETON, TAP, TWIN, scene, target, template, views

FULL = TransferParams(tap=TAP)
NEAREST = TransferParams.nearest_neighbour(TAP)


def errors(prediction, truth):
    return np.linalg.norm(prediction.xy - truth, axis=1)


@pytest.mark.parametrize("params", [FULL, NEAREST], ids=["full", "nearest"])
def test_points_are_found_where_the_object_went(params):
    wanted, truth = target(nose=(9, 8), seed=5)
    (found,) = transfer([template(seed=1)], [wanted], SKELETON, params, silent())
    assert errors(found, truth).max() < 0.75 * CELL
    assert (found.visibility > 0).all()


def test_several_templates_of_different_sizes_serve_together():
    templates = [template(seed=1), template(seed=2, grid=(17, 30), nose=(4, 12)), template(seed=3, grid=(26, 21))]
    wanted, truth = target(nose=(8, 3), grid=(22, 19), seed=9, noise=0.3)
    (found,) = transfer(templates, [wanted], SKELETON, FULL, silent())
    assert errors(found, truth).max() < CELL


def test_one_visible_keypoint_is_enough():
    tokens, xy, _ = scene(seed=1)
    only_nose = np.arange(len(NAMES)) == 0
    source = Template(views(tokens), np.where(only_nose[:, None], xy, np.nan), only_nose)
    wanted, truth = target(nose=(9, 8), seed=5)
    ctx = silent()
    (found,) = transfer([source], [wanted], SKELETON, FULL, ctx)
    assert errors(found, truth)[0] < CELL
    np.testing.assert_array_equal(found.visibility > 0, only_nose)


def test_points_that_no_template_shows_are_absent_and_named():
    # The twin is hidden too: else the mirror image would show it.
    source = template(seed=1, hidden=(7, 5, 6))
    ctx = silent()
    (found,) = transfer([source], [target(seed=5)[0]], SKELETON, FULL, ctx)
    np.testing.assert_array_equal(found.visibility[[5, 6, 7]], 0)
    assert np.isnan(found.xy[[5, 6, 7]]).all()
    assert found.score[[5, 6, 7]].max() == 0
    assert ctx.warnings == ["no template shows left_hoof, right_hoof, tail: left out"]


def test_mirrored_templates_know_a_point_through_its_twin():
    source = template(seed=1, hidden=(5,))
    wanted, _ = target(seed=5)
    (found,) = transfer([source], [wanted], SKELETON, FULL, silent())
    (plain,) = transfer([source], [wanted], SKELETON, dataclasses.replace(FULL, mirror_templates=False), silent())
    assert found.visibility[5] > 0
    assert plain.visibility[5] == 0


def test_an_animal_that_faces_the_other_way_keeps_left_and_right():
    wanted, truth = target(nose=(9, 8), seed=5, flip=True)
    (found,) = transfer([template(seed=1), template(seed=2)], [wanted], SKELETON, FULL, silent())
    assert errors(found, truth).max() < CELL
    assert not found.swapped_sides


def test_a_mirrored_target_gives_the_mirrored_points():
    templates = [template(seed=1), template(seed=2, nose=(3, 7))]
    straight, _ = target(nose=(9, 8), seed=5, noise=0.5)
    flipped, _ = target(nose=(9, 8), seed=5, noise=0.5, flip=True)
    found = transfer(templates, [straight, flipped], SKELETON, FULL, silent())
    width = straight.views[0].features.geometry.image_hw[1]
    mirrored = (found[1].xy * [-1, 1] + [width - 1, 0])[TWIN]
    np.testing.assert_allclose(mirrored, found[0].xy, atol=0.01)
    np.testing.assert_allclose(found[1].score[TWIN], found[0].score, atol=1e-3)


def test_the_shape_prior_tells_twins_apart_that_look_the_same():
    templates = [template(seed=s, alike=1.0) for s in (1, 2, 3)]
    wanted, truth = target(nose=(9, 8), seed=5, alike=1.0)
    (found,) = transfer(templates, [wanted], SKELETON, FULL, silent())
    (blind,) = transfer(templates, [wanted], SKELETON, dataclasses.replace(FULL, prior=False), silent())
    assert (errors(found, truth) < CELL).sum() > (errors(blind, truth) < CELL).sum()
    assert errors(found, truth).max() < CELL


def test_sure_points_score_higher_than_unsure_ones():
    templates = [template(seed=1), template(seed=2)]
    clear, truth = target(nose=(9, 8), seed=5)
    blurred, _ = target(nose=(9, 8), seed=5, noise=1.5)
    sure, unsure = transfer(templates, [clear, blurred], SKELETON, FULL, silent())
    assert sure.score.mean() > unsure.score.mean()
    assert ((sure.score >= 0) & (sure.score <= 1)).all()
    assert errors(sure, truth).max() < CELL


def test_points_below_the_threshold_are_doubtful():
    strict = dataclasses.replace(FULL, doubtful_below=1.0)
    (found,) = transfer([template(seed=1)], [target(seed=5)[0]], SKELETON, strict, silent())
    assert found.doubtful.all()
    np.testing.assert_array_equal(found.visibility, 1)


def test_twins_that_stand_crossed_are_suspected_of_a_swap():
    templates = [template(seed=1), template(seed=2)]
    (found,) = transfer(templates, [target(nose=(9, 8), seed=5)[0]], SKELETON, FULL, silent())
    assert found.swap.max() < 0.5
    assert found.swap[0] == found.swap[7] == 0  # nose and tail have no twin
    np.testing.assert_allclose(found.swap[TWIN], found.swap, atol=1e-5)


def test_each_piece_can_be_switched_off():
    wanted, truth = target(nose=(9, 8), seed=5)
    templates = [template(seed=1), template(seed=2)]
    changes = [
        {"whitening": None},
        {"view_noise": 0.0},
        {"binned": 0.0},
        {"competition": 0.0},
        {"mirror_templates": False},
        {"mirror_target": False},
        {"prior": False},
        {"facing_weight": 0.0},
        {"rounds": 0},
        {"tolerance": 0.0},
        {"max_layouts": 1},
        {"locality": np.inf},
    ]
    for change in changes:
        (found,) = transfer(templates, [wanted], SKELETON, dataclasses.replace(FULL, **change), silent())
        assert np.median(errors(found, truth)) < CELL, change


def test_templates_without_mirrored_views_serve():
    wanted, truth = target(nose=(9, 8), seed=5, mirrored=False)
    (found,) = transfer([template(seed=1, mirrored=False)], [wanted], SKELETON, FULL, silent())
    assert errors(found, truth).max() < CELL


def test_targets_may_be_lazy_and_none():
    assert transfer([template()], iter([]), SKELETON, FULL, silent()) == []
    two = transfer([template()], (target(seed=s)[0] for s in (1, 2)), SKELETON, FULL, silent(), total=2)
    assert len(two) == 2


def test_templates_without_points_are_an_error_that_says_what_to_do():
    tokens, xy, _ = scene()
    empty = Template(views(tokens), xy, np.zeros(len(NAMES), bool))
    for templates in ([], [empty]):
        with pytest.raises(UsageError, match="visible keypoint"):
            transfer(templates, [], SKELETON, FULL, silent())


def test_same_input_same_output():
    first, second = (
        transfer([template(seed=1)], [target(seed=5, noise=1.0)[0]], SKELETON, FULL, silent())[0] for _ in range(2)
    )
    np.testing.assert_array_equal(first.xy, second.xy)
    np.testing.assert_array_equal(first.score, second.score)


def test_cancelling_stops_between_targets():
    token = CancelToken()
    seen = []

    def targets():
        for seed in range(5):
            seen.append(seed)
            if seed == 2:
                token.cancel()
            yield target(seed=seed)[0]

    with pytest.raises(JobCancelledError):
        transfer([template()], targets(), SKELETON, FULL, JobContext(token=token), total=5)
    assert seen == [0, 1, 2]


def test_a_skeleton_of_one_point_works():
    tokens, xy, _ = scene(seed=1)
    source = Template(views(tokens), xy[:1], np.array([True]))
    aim, truth = scene(nose=(9, 8), seed=5)[:2]
    (found,) = transfer([source], [Target(views(aim))], Skeleton(("nose",)), FULL, silent())
    assert np.linalg.norm(found.xy[0] - truth[0]) < CELL


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"binned": 1.5}, "binned is 1.5"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"whitening": 0.0}, "whitening is 0.0"),
        ({"locality": 0.0}, "locality is 0.0"),
        ({"scales": ()}, "scales"),
    ],
)
def test_senseless_parameters_are_refused(change, words):
    with pytest.raises(UsageError, match=words):
        TransferParams(**change)


def test_the_same_template_twice_says_no_more_than_once_alone():
    wanted, truth = target(nose=(9, 8), seed=5)
    same = template(seed=1)
    (found,) = transfer([same, same], [wanted], SKELETON, FULL, silent())
    assert errors(found, truth).max() < CELL
    assert np.isfinite(found.score).all()


@pytest.mark.parametrize("box", [(-500.0, 20.0, 60.0, 60.0), (20.0, 20.0, 5000.0, 4000.0), (100.0, 60.0, 0.5, 0.5)])
def test_a_box_off_the_image_or_absurd_still_gives_points_inside_it(box):
    wanted, _ = target(nose=(9, 8), seed=5)
    (found,) = transfer([template(seed=1)], [Target(wanted.views, box)], SKELETON, FULL, silent())
    height, width = wanted.views[0].features.geometry.image_hw
    assert ((found.xy >= -0.5) & (found.xy <= [width, height])).all()
    assert np.isfinite(found.score).all()
