"""The job runner: one end per job, cancellation as an event, interactive requests between the steps of a job."""

import threading
from functools import partial

import pytest
import shiboken6
from PySide6.QtCore import QObject

from counterpart.core.errors import UsageError
from counterpart.desktop.jobs.job import Job
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.jobs.run_button import RunButton


class Engine:
    def __init__(self):
        self.thread = threading.get_ident()
        self.closed_on = None

    def close(self):
        self.closed_on = threading.get_ident()


@pytest.fixture
def runner(qtbot):
    made = JobRunner(Engine)
    yield made
    assert made.shutdown(10_000)


@pytest.fixture
def ends(runner):
    """Every end of every job, in order."""
    log = []

    def ended(job, outcome):
        if outcome.cancelled:
            log.append((job, "cancelled", None))
        elif outcome.failure is not None:
            log.append((job, "failed", outcome.failure.text))
        else:
            log.append((job, "succeeded", outcome.result))

    runner.ended.connect(ended)
    return log


def counting(steps, gate=None):
    def fn(engine, ctx):
        for index in range(steps):
            ctx.step(index, steps, "counting")
            if gate is not None:
                gate.wait(5)
        return steps

    return fn


def test_a_job_runs_on_the_worker_thread_and_its_result_arrives_on_the_windows(qtbot, runner, ends):
    where = []
    job = runner.submit(
        Job("where", lambda engine, ctx: (engine.thread, threading.get_ident())),
        lambda outcome: where.append(threading.get_ident()),
    )
    qtbot.waitUntil(lambda: len(ends) == 1)
    made_on, ran_on = ends[0][2]
    assert ends[0][:2] == (job, "succeeded")
    assert made_on == ran_on != threading.get_ident()
    assert where == [threading.get_ident()]


def test_jobs_run_one_after_the_other_in_order(qtbot, runner, ends):
    jobs = [runner.submit(Job(str(n), counting(3))) for n in range(4)]
    assert runner.busy
    qtbot.waitUntil(lambda: len(ends) == 4)
    assert [job for job, *_ in ends] == jobs
    assert not runner.busy


def test_an_error_meant_for_a_person_is_passed_on_in_its_words_and_the_next_job_runs(qtbot, runner, ends):
    def fail(engine, ctx):
        raise UsageError("nothing is salient", hint="Lower the threshold")

    runner.submit(Job("bad", fail))
    runner.submit(Job("good", counting(1)))
    qtbot.waitUntil(lambda: len(ends) == 2)
    assert [end for _, end, _ in ends] == ["failed", "succeeded"]
    assert ends[0][2] == "nothing is salient. Lower the threshold"


def test_a_defect_of_a_model_is_reported_with_its_traceback_and_survived(qtbot, runner, ends):
    failures = []
    runner.failed.connect(lambda job, failure: failures.append(failure))
    runner.submit(Job("bad", lambda engine, ctx: 1 / 0))
    runner.submit(Job("good", counting(1)))
    qtbot.waitUntil(lambda: len(ends) == 2)
    assert "ZeroDivisionError" in failures[0].details
    assert ends[1][1] == "succeeded"


def test_running_out_of_memory_says_what_to_do(qtbot, runner, ends):
    def fail(engine, ctx):
        raise MemoryError

    runner.submit(Job("large", fail))
    qtbot.waitUntil(lambda: len(ends) == 1)
    assert "smaller size" in ends[0][2]


def test_cancel_stops_a_running_job_at_its_next_step_and_drops_a_waiting_one_at_once(qtbot, runner, ends):
    gate = threading.Event()
    running = runner.submit(Job("long", counting(1000, gate)))
    waiting = runner.submit(Job("waiting", counting(1)))
    runner.cancel(waiting)
    assert [end[:2] for end in ends] == [(waiting, "cancelled")]
    runner.cancel()
    gate.set()
    qtbot.waitUntil(lambda: len(ends) == 2)
    assert ends[1][:2] == (running, "cancelled")
    assert not runner.busy


def test_progress_comes_at_most_ten_times_a_second_and_reaches_the_end(qtbot, runner, ends):
    seen = []
    runner.progressed.connect(lambda job, progress: seen.append(progress))

    def fn(engine, ctx):
        for index in range(20_001):
            ctx.step(index, 20_000, "counting")

    runner.submit(Job("many steps", fn))
    qtbot.waitUntil(lambda: len(ends) == 1)
    assert len(seen) < 100
    assert seen[-1].fraction == 1.0


def test_an_interactive_request_is_answered_while_a_job_runs(qtbot, runner, ends):
    release = threading.Event()
    answers = []

    def long(engine, ctx):
        for index in range(500):
            ctx.step(index, 500, "long")
            if release.wait(0.02):
                return "released"
        return "ran out"

    runner.submit(Job("long", long))
    runner.ask("similarity", Job("probe", lambda engine, ctx: "map"), lambda outcome: answers.append(outcome.result))
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == ["map"]
    assert ends == []
    release.set()
    qtbot.waitUntil(lambda: len(ends) == 1)
    assert ends[0][2] == "released"


def test_of_many_interactive_requests_the_latest_wins(qtbot, runner):
    gate, begun = threading.Event(), threading.Event()
    answers = []

    def first(engine, ctx):
        begun.set()
        gate.wait(5)
        ctx.check()
        return 0

    runner.ask("similarity", Job("probe", first), lambda outcome: answers.append(outcome.result))
    assert begun.wait(5)
    for number in range(1, 50):
        job = Job("probe", lambda engine, ctx, number=number: number)
        runner.ask("similarity", job, lambda outcome: answers.append(outcome.result))
    gate.set()
    qtbot.waitUntil(lambda: bool(answers))
    runner.submit(Job("afterwards", counting(1)), lambda outcome: answers.append("afterwards"))
    qtbot.waitUntil(lambda: answers[-1] == "afterwards")
    assert answers == [49, "afterwards"]


def test_what_follows_travels_with_its_job_and_the_signal_tells_only_of_failures_nobody_speaks_for(qtbot, runner):
    told, followed = [], []
    runner.failed.connect(lambda job, failure: told.append(job.title))

    def fail(engine, ctx):
        raise UsageError("no")

    for title, fn in (("good", counting(1)), ("bad", fail)):
        runner.submit(
            Job(title, fn),
            lambda outcome, title=title: followed.append((title, "done", outcome.result)),
            lambda failure, title=title: followed.append((title, "failed", failure.text)),
            ended=lambda outcome, title=title: followed.append((title, "ended", outcome.failure is None)),
        )
    runner.submit(Job("nobody's", fail))
    qtbot.waitUntil(lambda: told == ["nobody's"])
    assert followed == [("good", "done", 1), ("good", "ended", True), ("bad", "failed", "no"), ("bad", "ended", False)]


def test_a_cancelled_job_calls_only_what_ends_it(qtbot, runner):
    gate, followed = threading.Event(), []
    runner.submit(Job("long", counting(1000, gate)), followed.append, followed.append, ended=followed.append)
    runner.cancel()
    gate.set()
    qtbot.waitUntil(lambda: bool(followed))
    assert [outcome.cancelled for outcome in followed] == [True]


def test_a_mistake_in_what_follows_does_not_hold_up_the_jobs_that_wait(qtbot, runner, ends):
    runner.submit(Job("first", counting(1)), lambda outcome: 1 / 0)
    runner.submit(Job("second", counting(2)))
    with qtbot.captureExceptions() as raised:
        qtbot.waitUntil(lambda: bool(ends))
    assert [kind for kind, *_ in raised] == [ZeroDivisionError]
    assert ends[-1][1:] == ("succeeded", 2)


def test_who_is_gone_is_not_called_any_more(qtbot, runner, ends):
    called = []

    class Listener(QObject):
        def done(self, outcome):
            called.append(outcome)

    listener = Listener()
    gate = threading.Event()
    runner.submit(Job("slow", counting(1, gate)), listener.done, ended=partial(Listener.done, listener))
    runner.submit(Job("bound", counting(1)), partial(listener.done))
    shiboken6.delete(listener)
    gate.set()
    qtbot.waitUntil(lambda: len(ends) == 2)
    assert len(called) == 1  # a plain function has no owner that could be gone


def test_shutting_down_during_a_job_ends_the_thread_and_closes_the_engine_there(qtbot):
    engines = []

    def make():
        engines.append(Engine())
        return engines[-1]

    runner = JobRunner(make)
    begun = threading.Event()

    def long(engine, ctx):
        for index in range(10_000):
            begun.set()
            ctx.step(index, 10_000, "long")
            threading.Event().wait(0.005)

    runner.submit(Job("long", long))
    runner.submit(Job("never", counting(1)))
    assert begun.wait(5)
    assert runner.shutdown(10_000)
    assert engines[0].closed_on == engines[0].thread
    assert runner.shutdown(10_000)


def test_a_job_that_asks_the_same_is_not_queued_while_the_first_runs_or_waits(qtbot, runner, ends):
    gate = threading.Event()
    refused = []
    runner.refused.connect(refused.append)
    first = runner.submit(Job("first", lambda _engine, _ctx: gate.wait(10), asks=("find", 4)))
    other = runner.submit(Job("other", lambda _engine, _ctx: "other", asks=("find", 5)))
    again = Job("first again", lambda _engine, _ctx: "twice", asks=("find", 4))
    assert runner.submit(again) is first
    assert runner.submit(Job("other again", lambda _engine, _ctx: "twice", asks=("find", 5))) is other
    assert [job.title for job in refused] == ["first again", "other again"]
    assert runner.waiting == (other,)
    plain = [runner.submit(Job("plain", lambda _engine, _ctx: None)) for _ in range(2)]
    assert runner.waiting == (other, *plain)
    gate.set()
    qtbot.waitUntil(lambda: not runner.busy)
    assert [job.title for job, _, _ in ends] == ["first", "other", "plain", "plain"]
    assert runner.submit(again) is again
    qtbot.waitUntil(lambda: not runner.busy)


def test_what_was_cancelled_may_be_asked_again_at_once(qtbot, runner):
    def run(_engine, ctx):
        while True:
            ctx.step(0, 1)

    first = runner.submit(Job("first", run, asks="same"))
    runner.cancel(first)
    second = Job("second", lambda _engine, _ctx: "done", asks="same")
    assert runner.submit(second) is second
    qtbot.waitUntil(lambda: not runner.busy)


def test_a_button_shows_that_its_job_runs_and_cannot_be_pressed_then(qtbot, runner):
    gate, asked = threading.Event(), ["parts"]
    button = RunButton("Find")
    qtbot.addWidget(button)
    button.setToolTip("Finds")
    button.follow(runner, lambda: asked[0])
    assert (button.text(), button.isEnabled(), button.toolTip()) == ("Find", True, "Finds")
    runner.submit(Job("find", lambda _engine, _ctx: gate.wait(10), asks="parts"))
    assert (button.text(), button.isEnabled()) == ("Find …", False)
    assert "runs already" in button.toolTip()
    button.setEnabled(True)
    assert not button.isEnabled()
    asked[0] = "object"
    button.look()
    assert (button.text(), button.isEnabled(), button.toolTip()) == ("Find", True, "Finds")
    button.setEnabled(False)
    asked[0] = "parts"
    gate.set()
    qtbot.waitUntil(lambda: not runner.busy)
    assert (button.text(), button.isEnabled()) == ("Find", False)
