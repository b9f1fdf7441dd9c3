"""The doubt of a match."""

import numpy as np
import pytest

from counterpart.core.project.points import MatchSet
from counterpart.desktop.matches.matches_model import doubt_of


def test_doubt_rises_with_the_cycle_error_and_falls_with_likeness():
    matches = MatchSet.make(1, 2, np.zeros((4, 2)), np.zeros((4, 2)), [0.8, 0.8, 0.4, np.nan], [0, 200, 0, np.nan])
    doubt = doubt_of(matches, (300, 400))
    assert doubt[0] < doubt[1]
    assert doubt[0] < doubt[2]
    assert doubt[3] == pytest.approx(0.0)
    assert ((doubt >= 0) & (doubt <= 1)).all()
