"""Few-shot parts on scenes whose segments are known: teaching, predicting, doubt, quality, the list of faults."""

import dataclasses

import numpy as np
import pytest

from counterpart.core.errors import UsageError
from counterpart.core.geometry import GridGeometry
from counterpart.core.jobs import silent
from counterpart.core.propagate import (
    PropagateParams,
    check_labels,
    check_reviewed,
    doubt_map,
    estimate_quality,
    expected_table,
    familiarity,
    fit,
    hold_out,
    image_doubt,
    lesson,
    next_to_label,
    pixels,
    predict,
    unlike_the_rest,
    usual_parts,
    widen,
)
from tests.core.synthetic import PATCH, TAP, feature_map, palette, picture, scene_set, two_part_scene

PARAMS = PropagateParams(taps=(TAP,), neighbours=5)


def labels_of(segments, table=(0, 0, 3, 7)):
    """(H, W) label map of a scene: background, and parts 3 and 7."""
    cells = np.asarray(table, np.uint8)[np.asarray(segments)]
    return np.repeat(np.repeat(cells, PATCH, 0), PATCH, 1)


@pytest.fixture
def scene():
    return scene_set(6)


def taught(maps, segments, count=2, params=PARAMS):
    return [lesson(maps[i], labels_of(segments[i]), params) for i in range(count)]


def agreement(model, feature, segments):
    predicted = predict(model, feature)
    truth = np.asarray(predicted.geometry.pool_nearest(labels_of(segments)))
    return float((predicted.labels == truth).mean())


def test_two_labelled_images_teach_all_others(scene):
    maps, segments = scene
    model = fit(taught(maps, segments), PARAMS)
    assert model.values == (0, 3, 7)
    for feature, truth in list(zip(maps, segments, strict=True))[2:]:
        assert agreement(model, feature, truth) > 0.98
        shown = pixels(predict(model, feature), picture(truth), PARAMS)
        assert shown.dtype == np.uint8
        assert (shown == labels_of(truth)).mean() > 0.95


@pytest.mark.parametrize("refine", ["none", "guided"])
def test_pixels_have_the_size_of_the_image(scene, refine):
    maps, segments = scene
    params = dataclasses.replace(PARAMS, refine=refine, working_size=64)
    shown = pixels(predict(fit(taught(maps, segments), params), maps[3]), picture(segments[3]), params)
    assert shown.shape == (14 * PATCH, 16 * PATCH)
    assert (shown == labels_of(segments[3])).mean() > 0.9


def test_labels_are_learnt_finer_than_tokens():
    """Half of a token's cell is another part: a token alone could only be one of both."""
    colours = palette(3)
    segments = np.zeros((6, 6), int)
    segments[2:4, 2:4] = 1
    maps = [feature_map(segments, colours, noise=0.01, seed=seed) for seed in range(2)]
    labels = np.zeros((48, 48), np.uint8)
    labels[16:32, 16:32] = 1
    for top in (16, 24):
        labels[top : top + 4, 16:32] = 2  # the upper half of each of these tokens
    model = fit([lesson(maps[0], labels, PARAMS)], PARAMS)
    found = predict(model, maps[1])
    assert found.geometry.grid_hw == (12, 12)
    assert found.labels[4:8, 5].tolist() == [2, 1, 2, 1]
    coarse = fit([lesson(maps[0], labels, PARAMS)], dataclasses.replace(PARAMS, detail=1))
    assert predict(coarse, maps[1]).geometry.grid_hw == (6, 6)


def test_subdivided_cells_lie_inside_their_token():
    geometry = GridGeometry.plan((61, 83), 70, 14, 14)
    fine = geometry.subdivided(2)
    centres = fine.token_centres().reshape(geometry.grid_hw[0], 2, geometry.grid_hw[1], 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(centres, geometry.token_centres(), atol=1e-9)
    with pytest.raises(UsageError, match="stride of 14"):
        geometry.subdivided(4)


def test_the_mirror_image_teaches_the_mirrored_labels(scene):
    maps, segments = scene
    flipped = feature_map(np.asarray(segments[0])[:, ::-1], palette(4), seed=50)
    one = lesson(maps[0], labels_of(segments[0]), PARAMS, mirrored=flipped)
    assert len(one.tokens) == 2 * one.own
    assert agreement(fit([one], PARAMS), maps[2], segments[2]) > 0.98
    alone = lesson(maps[0], labels_of(segments[0]), dataclasses.replace(PARAMS, mirror=False), mirrored=flipped)
    assert len(alone.tokens) == alone.own


def test_a_small_memory_keeps_the_rare_part(scene):
    maps, others = scene
    segments = np.zeros((14, 16), int)
    segments[5, 5] = 2
    feature = feature_map(segments, palette(4), seed=9)
    params = dataclasses.replace(PARAMS, memory=40, neighbours=1, balance=1.0)
    model = fit([lesson(feature, labels_of(segments), params)], params)
    assert len(model.tokens) == 40
    assert predict(model, feature).labels[10, 10] == 3
    assert len(fit(taught(maps, others, 4, params), params).tokens) == 40


def test_a_preview_compares_fewer_dimensions_and_agrees(scene):
    maps, segments = scene
    quick = dataclasses.replace(PARAMS, dims=8, detail=1)
    assert PARAMS.quick().memory <= 2_000
    model = fit(taught(maps, segments), quick)
    assert model.tokens.shape[1] == 8
    assert agreement(model, maps[4], segments[4]) > 0.98


def test_sure_predictions_of_unlabelled_images_teach_too(scene):
    maps, segments = scene
    model = fit(taught(maps, segments), PARAMS)
    wide = widen(model, iter(maps[2:5]), 30)
    assert len(wide.tokens) == len(model.tokens) + 90
    assert agreement(wide, maps[5], segments[5]) > 0.98


# Bad input ----------------------------------------------------------------------------------------------------------


def test_no_labels_and_labels_without_a_part_are_named(scene):
    maps, segments = scene
    with pytest.raises(UsageError, match="no image is labelled"):
        fit([], PARAMS)
    ground = feature_map(np.zeros((14, 16), int), palette(4), seed=31)
    empty = lesson(ground, np.zeros((112, 128), np.uint8), PARAMS)
    with pytest.raises(UsageError, match="shows a part"):
        fit([empty], PARAMS)
    model = fit([empty, *taught(maps, segments, 1)], PARAMS)  # beside others it teaches what is background
    assert agreement(model, maps[4], segments[4]) > 0.95


def test_labels_of_another_size_are_refused_with_both_sizes(scene):
    maps, _ = scene
    with pytest.raises(UsageError, match="20 x 10 pixels, the image 128 x 112"):
        lesson(maps[0], np.zeros((10, 20), np.uint8), PARAMS)


def test_one_part_in_one_image_and_a_part_in_a_single_image(scene):
    maps, segments = scene
    one = lesson(maps[0], labels_of(segments[0], (0, 0, 5, 0)), PARAMS)
    assert set(np.unique(predict(fit([one], PARAMS), maps[2]).labels)) == {0, 5}
    both = fit([one, lesson(maps[1], labels_of(segments[1], (0, 0, 5, 6)), PARAMS)], PARAMS)
    assert both.values == (0, 5, 6)


def test_contradictory_labels_show_as_doubt(scene):
    maps, segments = scene
    same = fit(taught(maps, segments), PARAMS)
    swapped = [
        lesson(maps[0], labels_of(segments[0]), PARAMS),
        lesson(maps[1], labels_of(segments[1], (0, 0, 7, 3)), PARAMS),
    ]
    torn = fit(swapped, dataclasses.replace(PARAMS, neighbours=40, temperature=1.0))
    inside = np.asarray(segments[2]).repeat(2, 0).repeat(2, 1) >= 2
    assert doubt_map(predict(torn, maps[2]))[inside].mean() > doubt_map(predict(same, maps[2]))[inside].mean() + 0.3
    assert image_doubt(predict(torn, maps[2])) > image_doubt(predict(same, maps[2]))


def test_unknown_pixels_teach_nothing(scene):
    maps, segments = scene
    labels = labels_of(segments[0])
    labels[:, :64] = 255
    one = lesson(maps[0], labels, PARAMS, ignore=255)
    assert 255 not in one.values
    assert len(one.tokens) == 14 * 8


def test_two_hundred_parts_and_labels_beyond_a_byte(scene):
    maps, _ = scene
    labels = (np.arange(112 * 128).reshape(112, 128) // 72 + 200).astype(np.uint16)
    model = fit([lesson(maps[0], labels, PARAMS)], PARAMS)
    assert len(model.values) == 1 + len(np.unique(labels))
    assert pixels(predict(model, maps[0]), picture(scene_set(1)[1][0]), PARAMS).dtype == np.uint16


def test_features_made_otherwise_are_refused(scene):
    maps, segments = scene
    model = fit(taught(maps, segments), PARAMS)
    other = dataclasses.replace(maps[3], spec=dataclasses.replace(maps[3].spec, stride=4))
    with pytest.raises(UsageError, match="made differently"):
        predict(model, other)


# Doubt, quality, what next ------------------------------------------------------------------------------------------


def test_the_next_image_is_doubtful_and_unlike_what_is_labelled():
    axes = np.eye(3, dtype=np.float32)
    descriptors = axes[[0, 0, 1, 2]]
    assert next_to_label([0.9, 0.5, 0.5, 0.2], descriptors, axes[:1]) == [2]
    assert next_to_label([0.9, 0.5, 0.5, 0.2], descriptors, axes[[0, 1, 2]]) == [0]
    assert sorted(next_to_label([0.5] * 4, descriptors, np.zeros((0, 3), np.float32), 9)) == [0, 1, 2, 3]
    assert next_to_label([], descriptors[:0], axes) == []


def test_images_of_something_else_are_told_apart(scene):
    maps, segments = scene
    model = fit(taught(maps, segments), PARAMS)
    strange = feature_map(np.zeros((14, 16), int), palette(4, seed=99), noise=0.1, seed=77)
    values = [familiarity(predict(model, one)) for one in [*maps[1:], strange]]
    assert unlike_the_rest(values).tolist() == [False] * 5 + [True]
    assert not unlike_the_rest(values[-2:]).any()


def test_quality_is_estimated_from_labelled_images(scene):
    maps, segments = scene
    lessons = taught(maps, segments, 5)
    held_out = hold_out(lessons, PARAMS, silent())
    assert [one.index for one in held_out] == [0, 1, 2, 3, 4]
    model = fit(lessons, PARAMS)
    estimate = estimate_quality(held_out, expected_table(predict(model, maps[5])), model.values)
    assert estimate.trusted
    assert set(estimate.iou) == {0, 3, 7}
    assert estimate.mean > 0.9
    with pytest.raises(UsageError, match="second image"):
        hold_out(lessons[:1], PARAMS, silent())


def test_a_mask_with_swapped_parts_disagrees_with_the_rest(scene):
    maps, segments = scene
    lessons = taught(maps, segments, 5)
    lessons[3] = lesson(maps[3], labels_of(segments[3], (0, 0, 7, 3)), PARAMS)
    held_out = hold_out(lessons, PARAMS, silent())
    names = [f"{i}.png" for i in range(5)]
    found = check_reviewed(names, held_out, {3: "left", 7: "right"}, [(112, 128)] * 5)
    assert {one.image for one in found} == {"3.png"}
    assert {one.part for one in found} == {3, 7}
    assert "left agrees by" in next(one.text for one in found if one.part == 3)


# Faults of a label map ----------------------------------------------------------------------------------------------


def test_specks_holes_and_missing_parts_are_found_at_their_place():
    labels = np.zeros((200, 200), np.uint8)
    labels[50:150, 50:150] = 3
    labels[90:94, 100:105] = 0
    labels[10:12, 20:23] = 3
    found = {one.kind: one for one in check_labels("a.png", labels, {3: "body", 4: "tail"}, usual=frozenset({3, 4}))}
    assert set(found) == {"speck", "hole", "missing"}
    assert found["speck"].bbox_xy == (19.5, 9.5, 22.5, 11.5)
    assert found["hole"].bbox_xy == (99.5, 89.5, 104.5, 93.5)
    assert found["missing"].part == 4
    assert found["missing"].text.startswith("tail is missing")
    assert found["missing"].severity > found["hole"].severity
    assert check_labels("b.png", np.zeros((20, 20), np.uint8), {}) == []


def test_a_region_that_looks_like_another_part_is_found(scene):
    maps, segments = scene
    model = fit(taught(maps, segments), PARAMS)
    labels = labels_of(two_part_scene(centre=(7.0, 9.0)))
    wrong = labels.copy()
    wrong[: 7 * PATCH][wrong[: 7 * PATCH] == 3] = 7
    scores = predict(model, maps[2])
    found = check_labels("c.png", wrong, {3: "left", 7: "right"}, scores=scores)
    assert [one.kind for one in found] == ["other part"]
    assert (found[0].part, found[0].other) == (7, 3)
    x0, y0, x1, y1 = found[0].bbox_xy
    assert 30 < x0 < x1 < 80
    assert 15 < y0 < y1 < 60
    assert check_labels("c.png", labels, {}, scores=scores) == []


def test_parts_that_nearly_all_images_have():
    assert usual_parts([(1, 2), (1, 2), (1, 2), (1,), (0, 1, 2)]) == {1, 2}
    assert usual_parts([(1,), (1,)]) == frozenset()


def test_several_holes_and_specks_are_one_finding_each_at_the_largest():
    labels = np.zeros((200, 200), np.uint8)
    labels[50:150, 50:150] = 3
    for top, left, bottom, right in ((60, 60, 61, 61), (90, 100, 94, 105), (120, 60, 122, 61)):
        labels[top:bottom, left:right] = 0
    for top, left, bottom, right in ((5, 5, 6, 6), (10, 20, 12, 23), (180, 20, 181, 22)):
        labels[top:bottom, left:right] = 3
    found = {one.kind: one for one in check_labels("a.png", labels, {3: "body"})}
    assert found["hole"].bbox_xy == (99.5, 89.5, 104.5, 93.5)
    assert found["hole"].text == "3 holes in body, 23 pixels in all"
    assert found["speck"].bbox_xy == (19.5, 9.5, 22.5, 11.5)
    assert found["speck"].text == "3 specks of body, 9 pixels in all"
