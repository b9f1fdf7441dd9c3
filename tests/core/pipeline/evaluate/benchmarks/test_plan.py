"""What the runs of all tables share."""

import pytest

from counterpart.core.errors import UsageError
from counterpart.core.pipeline.evaluate.benchmarks.plan import Plan, mean_of


def test_means_leave_out_what_is_missing():
    assert mean_of([(1.0, None), (3.0, None), (None, None)]) == (2.0, None)


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(UsageError, match="measures nothing"):
        Plan(limit=0)
