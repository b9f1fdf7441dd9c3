"""What is listed as probably wrong: where it begins, how grave it is, and where it is shown."""

import numpy as np
import pytest

from counterpart.core.propagate import check_labels, check_reviewed, usual_parts
from counterpart.core.propagate.checks import Finding, sorted_findings
from counterpart.core.propagate.quality import HeldOut
from tests.core.part_scores import CELL, scores

NAMES = {1: "body", 2: "tail"}


def labels_of(hw, *blocks):
    """A label map of rectangles (top, left, height, width, label)."""
    labels = np.zeros(hw, np.uint8)
    for top, left, height, width, label in blocks:
        labels[top : top + height, left : left + width] = label
    return labels


def only(found):
    (one,) = found
    return one


# Parts that are missing --------------------------------------------------


def test_a_part_is_usual_that_four_in_five_images_have():
    assert usual_parts([(0, 1, 2, 3), (1, 2), (1, 2), (1, 2, 3), (1, 3)]) == {1, 2}
    assert usual_parts([(0, 1), (0, 1), (0, 1)]) == {1}
    assert usual_parts([(1, 1), (1,)]) == frozenset()
    assert usual_parts([]) == frozenset()


def test_a_missing_part_without_a_prediction_is_shown_as_the_whole_image():
    one = only(check_labels("a", labels_of((40, 60), (5, 5, 20, 20, 1)), NAMES, usual=frozenset({1, 2})))
    assert (one.kind, one.part, one.other) == ("missing", 2, None)
    assert one.bbox_xy == (-0.5, -0.5, 59.5, 39.5)
    assert one.severity == pytest.approx(0.4 + 0.4 * 0.5)
    assert one.text == "tail is missing; nearly all other images have it"


def place_of(tail, usual=2, values=None):
    """The finding of a missing part whose probabilities are given."""
    tail = np.array(tail)
    rows, cols = tail.shape
    rest = 1 - tail
    predicted = scores(np.stack([rest, np.zeros_like(rest), tail], axis=-1), values=values)
    hw = (rows * CELL, cols * CELL)
    return only(check_labels("a", np.zeros(hw, np.uint8), NAMES, scores=predicted, usual=frozenset({usual})))


def test_a_missing_part_is_shown_where_it_has_more_than_half_of_its_highest_probability():
    one = place_of([[0, 0, 0, 0, 0], [0, 0, 0.5, 0.21, 0], [0, 0.3, 0.25, 0, 0.26], [0, 0, 0, 0, 0.1]])
    # Above 0.25: columns 1 to 4 of rows 1 and 2.
    assert one.bbox_xy == (1 * CELL - 0.5, 1 * CELL - 0.5, 5 * CELL - 0.5, 3 * CELL - 0.5)
    assert one.severity == pytest.approx(0.4 + 0.4 * 0.5)
    one = place_of([[0, 0, 0], [0, 0, 0.59]])
    assert one.bbox_xy == (2 * CELL - 0.5, CELL - 0.5, 3 * CELL - 0.5, 2 * CELL - 0.5)
    assert one.severity == pytest.approx(0.4 + 0.4 * 0.59)


@pytest.mark.parametrize(("probability", "whole"), [(0.19, True), (0.21, False)])
def test_a_missing_part_that_is_nowhere_likely_is_shown_as_the_whole_image(probability, whole):
    one = place_of([[0, 0, 0], [0, probability, 0]])
    assert (one.bbox_xy == (-0.5, -0.5, 3 * CELL - 0.5, 2 * CELL - 0.5)) == whole
    assert one.severity == pytest.approx(0.4 + 0.4 * probability)


def test_a_missing_part_that_the_prediction_does_not_know_is_the_least_grave():
    one = place_of([[0, 0.1], [0, 0]], usual=9)
    assert one.severity == pytest.approx(0.4)
    assert one.bbox_xy == (-0.5, -0.5, 2 * CELL - 0.5, 2 * CELL - 0.5)
    assert one.text.startswith("part 9 is missing")


# Specks --------------------------------------------------

BODY = (50, 50, 100, 100, 1)
"""On 200 x 200 pixels: specks are smaller than 0.0008 of them, 32."""


@pytest.mark.parametrize(("width", "listed"), [(31, True), (32, False)])
def test_a_speck_is_smaller_than_eight_in_ten_thousand_of_the_image(width, listed):
    found = check_labels("a", labels_of((200, 200), BODY, (10, 20, 1, width, 1)), NAMES)
    assert [one.kind for one in found] == ["speck"] * listed


@pytest.mark.parametrize(("width", "listed"), [(11, True), (12, False)])
def test_a_speck_is_smaller_than_three_in_a_hundred_of_the_largest_region(width, listed):
    found = check_labels("a", labels_of((200, 200), (50, 50, 20, 20, 1), (10, 20, 1, width, 1)), NAMES)
    assert [one.kind for one in found] == ["speck"] * listed


def test_one_speck_is_as_grave_as_its_share_of_the_limit():
    one = only(check_labels("a", labels_of((200, 200), BODY, (10, 20, 2, 4, 1)), NAMES))
    assert one.bbox_xy == (19.5, 9.5, 23.5, 11.5)
    assert one.text == "a speck of body, 8 pixels in all"
    assert one.severity == pytest.approx(0.1 + 0.2 * 8 / 32)


def test_several_specks_are_one_finding_at_the_largest():
    labels = labels_of((200, 200), BODY, (10, 20, 2, 4, 1), (30, 120, 3, 5, 1), (180, 3, 1, 1, 1))
    one = only(check_labels("a", labels, NAMES))
    assert one.bbox_xy == (119.5, 29.5, 124.5, 32.5)
    assert one.text == "3 specks of body, 24 pixels in all"
    assert one.severity == pytest.approx(0.1 + 0.2 * 24 / 32)
    more = labels_of((200, 200), BODY, (10, 20, 2, 10, 1), (30, 120, 2, 10, 1))
    assert only(check_labels("a", more, NAMES)).severity == pytest.approx(0.3)


def test_pixels_that_touch_at_a_corner_are_one_speck_and_of_the_part_they_touch():
    labels = labels_of((200, 200), BODY, (10, 20, 1, 1, 1), (11, 21, 1, 1, 1), (49, 49, 1, 1, 1))
    assert only(check_labels("a", labels, NAMES)).text == "a speck of body, 2 pixels in all"


def test_each_part_has_its_own_specks():
    labels = labels_of((200, 200), BODY, (160, 50, 20, 20, 2), (10, 20, 1, 3, 1), (190, 3, 1, 2, 2))
    found = check_labels("a", labels, NAMES)
    assert [(one.kind, one.part) for one in found] == [("speck", 2), ("speck", 1)]
    assert found[0].severity == pytest.approx(0.1 + 0.2 * 2 / 12)
    assert found[1].severity == pytest.approx(0.1 + 0.2 * 3 / 32)


# Holes --------------------------------------------------


@pytest.mark.parametrize(("height", "width", "listed"), [(4, 103, True), (4, 102, False)])
def test_a_hole_has_at_most_three_in_a_hundred_of_its_part(height, width, listed):
    """Twelve pixels: three in a hundred of 400."""
    found = check_labels("a", labels_of((60, 150), (20, 20, height, width, 1), (21, 40, 2, 6, 0)), NAMES)
    assert [one.kind for one in found] == ["hole"] * listed


def test_one_hole_is_as_grave_as_its_share_of_the_limit():
    one = only(check_labels("a", labels_of((60, 60), (10, 10, 20, 20, 1), (15, 12, 2, 3, 0)), NAMES))
    assert one.bbox_xy == (11.5, 14.5, 14.5, 16.5)
    assert one.text == "a hole in body, 6 pixels in all"
    assert one.severity == pytest.approx(0.1 + 0.2 * 6 / (0.03 * 394))


def test_several_holes_are_one_finding_at_the_largest():
    holes = [(12, 12, 1, 2, 0), (15, 12, 2, 3, 0), (20, 20, 1, 1, 0)]
    one = only(check_labels("a", labels_of((60, 60), (10, 10, 20, 20, 1), *holes), NAMES))
    assert one.bbox_xy == (11.5, 14.5, 14.5, 16.5)
    assert one.text == "3 holes in body, 9 pixels in all"
    assert one.severity == pytest.approx(0.1 + 0.2 * 9 / (0.03 * 391))
    holes = [(12, 12, 1, 7, 0), (15, 12, 1, 7, 0)]
    one = only(check_labels("a", labels_of((60, 60), (10, 10, 20, 20, 1), *holes), NAMES))
    assert one.severity == pytest.approx(0.3)


@pytest.mark.parametrize(("row", "col"), [(0, 30), (59, 30), (30, 0), (30, 59)])
def test_what_reaches_the_edge_of_the_image_is_no_hole(row, col):
    labels = np.ones((60, 60), np.uint8)
    labels[row, col] = 0
    assert check_labels("a", labels, NAMES) == []


@pytest.mark.parametrize(("row", "col"), [(1, 30), (58, 30), (30, 1), (30, 58)])
def test_one_pixel_from_the_edge_of_the_image_is_a_hole(row, col):
    labels = np.ones((60, 60), np.uint8)
    labels[row, col] = 0
    assert only(check_labels("a", labels, NAMES)).bbox_xy == (col - 0.5, row - 0.5, col + 0.5, row + 0.5)


def test_another_part_inside_is_no_hole_and_a_gap_at_a_corner_does_not_open_one():
    labels = labels_of((60, 60), (10, 10, 20, 20, 1), (15, 12, 2, 3, 2), (10, 10, 1, 1, 0), (11, 11, 1, 1, 0))
    one = only(check_labels("a", labels, NAMES))
    assert one.text == "a hole in body, 1 pixels in all"
    assert one.bbox_xy == (10.5, 10.5, 11.5, 11.5)


# Regions that look like another part --------------------------------------------------


def contradicted(cells, own=None, hw=(4, 6)):
    """Findings where all cells are labelled 1 (or `own`), and the prediction of some is (background, body, tail)."""
    probability = np.tile([0.1, 0.8, 0.1], (*hw, 1))
    for place, chances in cells.items():
        probability[place] = chances
    labels = np.ones(hw, np.uint8) if own is None else np.asarray(own, np.uint8)
    return check_labels("a", np.kron(labels, np.ones((CELL, CELL), np.uint8)), NAMES, scores=scores(probability))


TAIL = (0.1, 0.1, 0.8)


def test_a_region_is_as_grave_as_it_is_sure_and_large_beside_the_smaller_of_both_parts():
    """Four cells, on average 0.8 sure, of five that are tail by the prediction."""
    cells = {(1, 2): (0.15, 0.15, 0.7), (1, 3): (0.15, 0.15, 0.7), (2, 2): (0, 0.1, 0.9), (2, 3): (0, 0.1, 0.9)}
    one = only(contradicted({**cells, (0, 5): (0.3, 0.3, 0.4)}))
    assert (one.kind, one.part, one.other) == ("other part", 1, 2)
    assert one.text == "a region of body looks like tail"
    assert one.bbox_xy == (2 * CELL - 0.5, CELL - 0.5, 4 * CELL - 0.5, 3 * CELL - 0.5)
    assert one.severity == pytest.approx(0.8 * (0.4 + 0.6 * 4 / 5), rel=1e-5)


def test_a_region_that_is_all_of_its_part_is_as_grave_as_it_is_sure():
    own = np.zeros((4, 6))
    own[1:3, 2:4] = 1
    ground = {(r, c): (0.9, 0.1, 0.0) for r in range(4) for c in range(6)}
    body = {(r, c): TAIL for r in (1, 2) for c in (2, 3)}
    one = only(contradicted({**ground, **body}, own))
    assert one.severity == pytest.approx(0.8, rel=1e-5)
    more = {(r, c): TAIL for r in (1, 2) for c in (2, 3, 4, 5)}  # four are body, eight tail by the prediction
    found = [one for one in contradicted({**ground, **more}, own) if one.part == 1]
    assert only(found).severity == pytest.approx(0.8, rel=1e-5)


def test_four_cells_make_a_region_also_where_they_touch_at_corners():
    diagonal = [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert len(contradicted(dict.fromkeys(diagonal, TAIL))) == 1
    assert contradicted(dict.fromkeys(diagonal[:3], TAIL)) == []
    assert contradicted(dict.fromkeys([(0, 0), (0, 1), (3, 3), (3, 4)], TAIL)) == []


def test_two_regions_are_two_findings_the_surer_first():
    left, right = [(r, 0) for r in range(4)], [(r, 5) for r in range(4)]
    found = contradicted({**dict.fromkeys(left, (0.15, 0.15, 0.7)), **dict.fromkeys(right, (0.05, 0.05, 0.9))})
    assert [one.bbox_xy[0] for one in found] == [5 * CELL - 0.5, -0.5]
    assert [one.severity for one in found] == pytest.approx([0.9 * 0.7, 0.7 * 0.7], rel=1e-5)


@pytest.mark.parametrize(
    ("chances", "listed"),
    [
        ((0.19, 0.19, 0.62), True),
        ((0.2, 0.2, 0.6), False),  # not sure of the other
        ((0.21, 0.19, 0.6), False),
        ((0.12, 0.21, 0.67), False),  # the label's own is likely enough
        ((0.13, 0.2, 0.67), False),
        ((0.0, 0.19, 0.81), True),
    ],
)
def test_the_prediction_contradicts_where_it_is_sure_of_another_and_the_label_is_unlikely(chances, listed):
    cells = dict.fromkeys([(1, 1), (1, 2), (2, 1), (2, 2)], chances)
    assert len(contradicted(cells)) == listed


def test_labelled_background_that_looks_like_a_part_is_about_that_part():
    own = np.ones((4, 6))
    own[:, 4:] = 0
    one = only(contradicted({(r, c): TAIL for r in range(4) for c in (4, 5)}, own))
    assert (one.part, one.other) == (2, 2)
    assert one.text == "a region of background looks like tail"


def test_a_part_that_looks_like_background_is_about_the_part():
    cells = dict.fromkeys([(1, 1), (1, 2), (2, 1), (2, 2)], (0.9, 0.05, 0.05))
    one = only(contradicted(cells))
    assert (one.part, one.other) == (1, 0)
    assert one.text == "a region of body looks like background"


def test_labels_that_the_prediction_does_not_know_are_not_contradicted():
    own = np.full((4, 6), 5)
    assert contradicted({(r, c): TAIL for r in range(4) for c in range(6)}, own) == []


def test_regions_are_told_apart_by_what_they_are_and_by_what_they_look_like():
    """Body that looks like tail beside tail that looks like body: two findings, each with its own place."""
    own = np.ones((4, 6))
    own[:, 3:] = 2
    cells = {(r, c): TAIL if c < 3 else (0.1, 0.8, 0.1) for r in range(4) for c in range(6)}
    found = contradicted(cells, own)
    assert [(one.part, one.other, one.bbox_xy[::2]) for one in found] == [
        (1, 2, (-0.5, 3 * CELL - 0.5)),
        (2, 1, (3 * CELL - 0.5, 6 * CELL - 0.5)),
    ]


# Reviewed parts --------------------------------------------------


def held_out(*ious):
    """Images whose part 1 has these intersections over union; None where neither has it."""
    tables = [[[1.0, 0.0], [0.0, 0.0]] if iou is None else [[0.5, (1 - iou) / 2], [0.0, iou / 2]] for iou in ious]
    return [HeldOut(i, (0, 1), np.array(table), np.array(table)) for i, table in enumerate(tables)]


def reviewed(*ious):
    count = len(ious)
    sizes = [(10 + i, 20 + i) for i in range(count)]
    found = check_reviewed([f"{i}.png" for i in range(count)], held_out(*ious), NAMES, sizes)
    return [one for one in found if one.part == 1]


def test_a_reviewed_part_disagrees_a_quarter_below_the_middle():
    one = only(reviewed(0.9, 0.8, 0.54))
    assert (one.image, one.kind, one.part) == ("2.png", "disagrees", 1)
    assert one.text == "body agrees by 54 % with what the other labelled images say; 80 % is usual"
    assert one.bbox_xy == (-0.5, -0.5, 21.5, 11.5)
    assert one.severity == pytest.approx(0.5 + 0.8 - 0.54, abs=1e-5)
    assert reviewed(0.9, 0.8, 0.56) == []


def test_the_gravest_disagreement_is_one():
    assert [one.severity for one in reviewed(0.9, 0.9, 0.9, 0.9, 0.1, 0.6)] == pytest.approx([1.0, 0.8], abs=1e-5)


def test_two_images_that_have_a_part_say_nothing_of_it():
    assert reviewed(0.9, 0.1) == []
    assert reviewed(0.9, 0.1, None) == []
    assert len(reviewed(0.9, 0.1, None, 0.9)) == 1


def test_background_is_not_reviewed():
    tables = [[[0.9, 0.0], [0.0, 0.1]]] * 4 + [[[0.1, 0.0], [0.8, 0.1]]]
    held = [HeldOut(i, (0, 1), np.array(table), np.array(table)) for i, table in enumerate(tables)]
    found = check_reviewed(["a"] * 5, held, NAMES, [(9, 9)] * 5)
    assert {one.part for one in found} == {1}


# The list --------------------------------------------------


def finding(image, part, severity):
    return Finding(image, "speck", part, (0.0, 0.0, 1.0, 1.0), severity, "")


def test_the_gravest_comes_first_and_equals_by_image_and_part():
    a, b, c, d = finding("b", 1, 0.5), finding("a", 2, 0.5), finding("a", 1, 0.5), finding("z", 1, 0.9)
    assert sorted_findings([a, b, c, d]) == [d, c, b, a]


def test_a_report_rounds_places_to_a_tenth_and_severity_to_four_digits():
    one = Finding("a", "other part", 1, (1.26, 2.0, 3.04, 4.96), 0.123456, "text", 2).as_dict()
    assert one["bbox_xy"] == [1.3, 2.0, 3.0, 5.0]
    assert one["severity"] == 0.1235
    assert (one["kind"], one["part"], one["other"], one["image"]) == ("other part", 1, 2, "a")
