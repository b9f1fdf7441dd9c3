"""The job runner: one end per job, cancellation as an event, interactive requests between the steps of a job."""

import threading

import pytest

from counterpart.core.errors import UsageError
from counterpart.desktop.jobs.job_runner import Job, JobRunner


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
    runner.succeeded.connect(lambda job, outcome: log.append((job, "succeeded", outcome.result)))
    runner.failed.connect(lambda job, failure: log.append((job, "failed", failure.text)))
    runner.cancelled.connect(lambda job: log.append((job, "cancelled", None)))
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
    runner.succeeded.connect(lambda job, outcome: where.append(threading.get_ident()))
    job = runner.submit(Job("where", lambda engine, ctx: (engine.thread, threading.get_ident())))
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
    runner.answered.connect(lambda slot, job, outcome: answers.append((slot, outcome.result)))

    def long(engine, ctx):
        for index in range(500):
            ctx.step(index, 500, "long")
            if release.wait(0.02):
                return "released"
        return "ran out"

    runner.submit(Job("long", long))
    runner.ask("similarity", Job("probe", lambda engine, ctx: "map"))
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == [("similarity", "map")]
    assert ends == []
    release.set()
    qtbot.waitUntil(lambda: len(ends) == 1)
    assert ends[0][2] == "released"


def test_of_many_interactive_requests_the_latest_wins(qtbot, runner):
    gate, begun = threading.Event(), threading.Event()
    answers = []
    runner.answered.connect(lambda slot, job, outcome: answers.append((job.tag, outcome.cancelled)))

    def first(engine, ctx):
        begun.set()
        gate.wait(5)
        ctx.check()
        return 0

    runner.ask("similarity", Job("probe", first, tag=0))
    assert begun.wait(5)
    for number in range(1, 50):
        runner.ask("similarity", Job("probe", lambda engine, ctx: None, tag=number))
    gate.set()
    qtbot.waitUntil(lambda: len(answers) == 2)
    assert answers == [(0, True), (49, False)]


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
