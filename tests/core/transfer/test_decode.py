"""From distributions to points, against sums and means written out one token at a time."""

import math

import numpy as np
import pytest

from counterpart.core.transfer.decode import CUES, disc_sums, locate, point_cues


def spike(rows, cols, **at):
    """(1, rows, columns) with values at places named like r2c3."""
    out = np.zeros((1, rows, cols), np.float32)
    for place, value in at.items():
        row, col = place[1:].split("c")
        out[0, int(row), int(col)] = value
    return out


def inside(dr, dc, radius_rc):
    """Share of a token that lies within an ellipse, measured along the direction to it; one token is a unit wide."""
    down, across = (max(radius, 0.5) for radius in radius_rc)
    mean = (down + across) / 2
    return min(max(0.5 + mean * (1 - math.hypot(dr / down, dc / across)), 0), 1)


def summed(chances, radius_rc):
    _, rows, cols = chances.shape
    out = np.zeros(chances.shape)
    for r, c in np.ndindex(rows, cols):
        for dr in range(-math.ceil(radius_rc[0]), math.ceil(radius_rc[0]) + 1):
            for dc in range(-math.ceil(radius_rc[1]), math.ceil(radius_rc[1]) + 1):
                if 0 <= r + dr < rows and 0 <= c + dc < cols:
                    out[:, r, c] += inside(dr, dc, radius_rc) * chances[:, r + dr, c + dc]
    return out


def test_tokens_at_the_rim_of_a_disc_count_by_the_share_that_lies_inside():
    found = disc_sums(spike(7, 7, r3c3=1.0), np.array([2.0, 2.0]))[0]
    across = 2.5 - math.sqrt(5)
    diagonal = [0, 0, 0.5, across, 0]
    np.testing.assert_allclose(found[3], [0, 0.5, 1, 1, 1, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(found[1, 1:6], [0, across, 0.5, across, 0], atol=1e-6)
    np.testing.assert_allclose(found[2, 1:6], [across, 1, 1, 1, across], atol=1e-6)
    assert diagonal[3] == pytest.approx(found[5, 4])
    np.testing.assert_array_equal(found, found.T)
    assert found[0].max() == found[:, 6].max() == 0


def test_a_disc_below_half_a_token_is_the_token_itself():
    chances = np.random.default_rng(0).random((2, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(disc_sums(chances, np.array([0.3, 0.3])), chances, rtol=1e-6)


RADII = [(2.0, 2.0), (1.6, 1.6), (2.6, 2.6), (1.0, 3.0), (3.2, 1.4), (0.2, 2.3)]


@pytest.mark.parametrize("radius_rc", RADII)
def test_disc_sums_are_those_of_an_ellipse(radius_rc):
    chances = np.random.default_rng(1).random((3, 8, 9)).astype(np.float32)
    np.testing.assert_allclose(disc_sums(chances, np.array(radius_rc)), summed(chances, radius_rc), rtol=1e-5)


def test_a_disc_larger_than_the_grid_takes_it_all():
    chances = np.random.default_rng(2).random((1, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(disc_sums(chances, np.array([40.0, 40.0])), np.full((1, 3, 4), chances.sum()), rtol=1e-5)


@pytest.mark.parametrize("radius_rc", [*RADII, (0.0, 0.0)])
def test_a_point_is_the_mean_of_the_mass_around_the_fullest_disc(radius_rc):
    chances = (np.random.default_rng(3).random((4, 11, 12)) ** 6).astype(np.float32)
    chances /= chances.sum(axis=(1, 2), keepdims=True)
    rc, mass = locate(chances, np.array(radius_rc))
    sums = summed(chances, radius_rc) if max(radius_rc) > 0 else chances
    for k, each in enumerate(sums):
        r, c = np.unravel_index(each.argmax(), each.shape)
        reach_r, reach_c = max(2, radius_rc[0]), max(2, radius_rc[1])
        near = [(row, col) for row, col in np.ndindex(11, 12) if abs(row - r) <= reach_r and abs(col - c) <= reach_c]
        weights = np.array([chances[k, row, col] for row, col in near])
        np.testing.assert_allclose(rc[k], weights @ np.array(near) / weights.sum(), atol=1e-4)
        assert mass[k] == pytest.approx(each.max(), rel=1e-5)


def test_a_point_is_refined_by_what_lies_within_two_tokens():
    rc, mass = locate(spike(11, 11, r5c5=0.6, r5c7=0.3, r5c8=0.1), np.array([1.0, 1.0]))
    np.testing.assert_allclose(rc, [[5, (0.6 * 5 + 0.3 * 7) / 0.9]], atol=1e-5)
    assert mass[0] == pytest.approx(0.6)
    rc, _ = locate(spike(11, 11, r3c5=0.3, r5c5=0.6, r8c5=0.1), np.array([0.0, 0.0]))
    np.testing.assert_allclose(rc, [[(0.6 * 5 + 0.3 * 3) / 0.9, 5]], atol=1e-5)


def log_odds(chance):
    return math.log(chance / (1 - chance))


def test_the_cues_of_a_point_are_what_they_are_called():
    found = point_cues(
        mass=np.array([0.9, 0.5, 1.0], np.float32),
        appearance=np.array([0.2, 0.0, 0.7], np.float32),
        strength=0.4,
        shown=np.array([3, 0, 1]),
        swap=np.array([0.0, 0.3, 0.999]),
        layout=np.array([0.6, 0.5, 0.1]),
        near=np.array([[0, 2, 0], [1, 0, 3], [0, 0, 0]], float),
        boxed=True,
    )
    sure = [log_odds(0.9), 0.0, log_odds(0.9999)]
    expected = {
        "mass": sure,
        "appearance": [log_odds(0.2), log_odds(0.0001), log_odds(0.7)],
        "vote": [0.4] * 3,
        "templates": [math.log(3), 0, 0],
        "box": [1, 1, 1],
        "twin": [log_odds(0.02), log_odds(0.3), log_odds(0.98)],
        "layout": [log_odds(0.6), 0, log_odds(0.1)],
        "neighbours": [sure[1], (sure[0] + 3 * sure[2]) / 4, sure[2]],  # the third has none: itself
    }
    assert tuple(expected) == CUES
    np.testing.assert_allclose(found, np.stack(list(expected.values()), axis=1), rtol=1e-5, atol=1e-6)


def test_without_a_box_the_cue_says_so():
    one = np.array([0.5])
    found = point_cues(one, one, 0.0, np.array([1]), one, one, np.zeros((1, 1)), boxed=False)
    assert found[0, CUES.index("box")] == 0
