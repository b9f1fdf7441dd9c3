"""Errors of landmarks, measured as the field does: by the eyes where there is one pair of them."""

import pytest

from counterpart.core.errors import UsageError
from counterpart.core.pipeline.evaluate.landmarks import eyes_of
from counterpart.core.project.points import Skeleton


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (("left_eye", "right_eye", "nose"), None, (0, 1)),
        (("nose", "r_eye_centre", "l_eye_centre"), None, (2, 1)),
        (("left_eyebrow", "right_eyebrow", "left_eye", "right_eye"), None, (2, 3)),
        (("l_eye_in", "r_eye_in", "l_eye_out", "r_eye_out"), None, None),
        (("left_paw", "right_paw"), None, None),
        (("left_eye", "right_eye", "nose"), "box", None),
        (("left_eye", "right_eye", "nose"), "nose, left_eye", (2, 0)),
    ],
)
def test_errors_are_measured_by_the_eyes_where_there_is_one_pair_of_them(names, text, expected):
    assert eyes_of(Skeleton(names), text) == expected


def test_a_measure_that_is_no_pair_of_landmarks_is_refused_with_their_names():
    with pytest.raises(UsageError, match="left_eye"):
        eyes_of(Skeleton(("left_eye", "nose")), "nose")
