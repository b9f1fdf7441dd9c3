"""Progress, estimates and cancellation of long computations."""

from __future__ import annotations

import pytest

from counterpart.core.errors import ImageError, JobCancelledError
from counterpart.core.jobs import CancelToken, JobContext, Progress, format_duration


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_reports_are_rare_but_the_last_one_always_comes() -> None:
    clock, seen = Clock(), list[Progress]()
    ctx = JobContext(seen.append, clock=clock)
    for done in range(1, 101):
        clock.now += 0.01
        ctx.step(done, 100, "working")
    assert len(seen) <= 12
    assert seen[-1].fraction == 1.0


def test_the_estimate_follows_from_what_was_done() -> None:
    clock, seen = Clock(), list[Progress]()
    ctx = JobContext(seen.append, clock=clock)
    clock.now = 10.0
    ctx.step(25, 100, "a quarter")
    assert seen[-1].eta_s == pytest.approx(30.0)
    assert seen[-1].elapsed_s == pytest.approx(10.0)


def test_stages_share_the_bar_the_flag_and_the_failures() -> None:
    seen = list[Progress]()
    ctx = JobContext(seen.append, min_interval_s=0)
    second = ctx.stage(0.5, 1.0)
    second.step(1, 2, "half of the second half")
    assert seen[-1].fraction == pytest.approx(0.75)
    second.fail(ImageError("bad", path="x.jpg"))
    second.warn("careful")
    second.warn("careful")
    assert [str(error) for error in ctx.failures] == ["x.jpg: bad"]
    assert ctx.warnings == ["careful"]
    ctx.token.cancel()
    with pytest.raises(JobCancelledError):
        second.check()


def test_a_cancelled_job_stops_at_its_next_step() -> None:
    token = CancelToken()
    ctx = JobContext(token=token)
    done = []

    def job() -> None:
        for index in range(10):
            ctx.step(index, 10, "")
            done.append(index)
            if index == 3:
                token.cancel()

    with pytest.raises(JobCancelledError):
        job()
    assert done == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (750, "12:30"), (3723, "1:02:03"), (-1, "0:00")]
)
def test_durations_as_people_read_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
