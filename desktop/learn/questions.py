"""What is asked of what was learned: one question of a kind at a time, answered quickly where features are at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from counterpart.desktop.jobs.job import Job, JobFunction, JobOutcome
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.learn.learn_jobs import LearnMemory, LearnRequest


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One of what can be asked.

    Attributes:
        kind: What is asked; the latest of a kind counts.
        title: The same for the status bar.
        run: Finds the answer.
        request: What it works from.
        long: Whether it takes long even when features are at hand.
    """

    kind: Literal["learn", "learn quality", "learn check"]
    title: str
    run: JobFunction
    request: LearnRequest
    long: bool = False


class Questions:
    """Asks the worker about a project's labelled images.

    Args:
        jobs: Has the engine.

    Attributes:
        memory: What is kept between corrections; for jobs.
    """

    def __init__(self, jobs: JobRunner) -> None:
        self._runner = jobs
        self._jobs: dict[str, Job] = {}
        self._warm: object = None
        self.memory = LearnMemory()

    def reset(self) -> None:
        """Another project, or none: nothing that was asked is wanted any more."""
        asked = list(self._jobs.values())
        self._jobs.clear()
        for job in asked:
            self._runner.cancel(job)
        self._warm = None
        self.memory = LearnMemory()

    @property
    def warm(self) -> bool:
        """Whether something was learned before."""
        return self._warm is not None

    @property
    def waiting(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._jobs)

    def ask(self, question: Question, answered: Callable[[Any], object], unanswered: Callable[[str], object]) -> None:
        """Ask in place of what was asked before; with progress in the status bar where it takes long.

        Args:
            question: What is asked.
            answered: Called with the answer.
            unanswered: Called with the reason where there is none, empty when it was cancelled.
        """
        kind, request = question.kind, question.request
        old = self._jobs.pop(kind, None)
        if old is not None:
            self._runner.cancel(old)
        job = self._jobs[kind] = Job(question.title, question.run, kind)
        features = request.choice, tuple(request.refs)

        def ended(outcome: JobOutcome) -> None:
            if self._jobs.get(kind) is not job:
                return  # another question was asked meanwhile
            del self._jobs[kind]
            if outcome.cancelled or outcome.failure is not None:
                unanswered(outcome.failure.text if outcome.failure is not None else "")
                return
            self._warm = features
            answered(outcome.result)

        if self._warm == features and not question.long:
            self._runner.ask(kind, job, ended)
        else:
            self._runner.submit(job, ended=ended)
