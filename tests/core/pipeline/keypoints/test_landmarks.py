"""What stands between landmarks and their files: scores, the measure of errors, the choice of instances."""

import numpy as np
import pytest

from counterpart.core.evaluate.keypoints import Annotated
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import silent
from counterpart.core.landmarks.model import Landmarks
from counterpart.core.pipeline.keypoints.landmarks import as_keypoints, one_per_image


def test_the_score_is_the_chance_of_lying_within_a_tenth_of_the_span():
    xy = np.array([[0.0, 0], [100, 40], [50, 20], [np.nan, np.nan]])
    found = as_keypoints(Landmarks(xy, np.array([1.0, 10, 40, np.nan])))
    # Gaussian errors of root mean square s: 1 - exp(-(r / s)²), r = 10 pixels here.
    np.testing.assert_allclose(found.score, [1, 1 - np.exp(-1), 1 - np.exp(-1 / 16), 0], atol=1e-6)
    np.testing.assert_array_equal(found.visibility, [2, 2, 1, 0])
    rng = np.random.default_rng(0)
    errors = np.linalg.norm(rng.normal(0, 10 / np.sqrt(2), (20_000, 2)), axis=1)
    assert found.score[1] == pytest.approx((errors < 10).mean(), abs=0.01)


def test_an_image_without_any_landmark_has_no_scores():
    found = as_keypoints(Landmarks(np.full((2, 2), np.nan), np.full(2, np.nan)))
    np.testing.assert_array_equal(found.visibility, 0)
    np.testing.assert_array_equal(found.score, 0)


def test_of_several_instances_in_an_image_the_largest_counts(tmp_path):
    def instance(name, side):
        return Annotated(ImageRef(tmp_path / name, name), (99, 99), np.zeros((1, 2)), np.ones(1, bool), (0, 0, side, 5))

    ctx = silent()
    kept = one_per_image([instance("a.jpg", 5), instance("a.jpg", 30), instance("b.jpg", 9)], ctx)
    assert [(item.ref.name, item.size) for item in kept] == [("a.jpg", 30), ("b.jpg", 9)]
    assert "a.jpg has several annotated instances" in ctx.warnings[0]
