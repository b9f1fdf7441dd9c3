"""Runs tests on mutants: one process collects them and imports what they need, and forks a child for each mutant.

A first child runs the tests on the unchanged program and notes which test runs which line, so that a mutant meets only
the tests that can notice it, quickest first. A change inside a function is put into the function that exists already,
by exchanging its code; what runs at import (defaults, constants) needs the program imported anew, through a hook that
gives out the changed module. No file is written. A test that fails, a crash and a timeout all count as noticed.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import pickle
import signal
import sys
import threading
import time
import types
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from tests.mutation.mutants import Mutant

OPTIONS = ("-x", "-q", "-s", "-p", "no:cacheprovider", "--assert=plain", "-p", "no:faulthandler")
INSTALLED = tuple({os.path.realpath(prefix) for prefix in (sys.prefix, sys.base_prefix)})
PATIENCE = (10.0, 4.0)
"""A mutant is given so many seconds, and so many times what its tests took on the unchanged program."""


class MutationError(Exception):
    """The tests cannot be run, or fail before anything is changed."""


@dataclass(frozen=True, slots=True)
class Target:
    """A module to change: its dotted name, and its file."""

    module: str
    file: Path


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One mutant of a module."""

    target: Target
    tree: ast.Module
    mutant: Mutant


@dataclass(slots=True)
class Coverage:
    """What the unchanged program did under the tests.

    Attributes:
        tests: File, then line, then the tests that ran it.
        seconds: How long each test took.
        modules: All that was imported, in order.
        failure: What went wrong, if anything did.
    """

    tests: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)
    failure: str = ""

    def of(self, job: Job) -> list[str]:
        """The tests that run the changed lines, quickest first.

        What runs at import meets all tests of the files in which one uses the module: the default of a dataclass, for
        one, is read without a line of the module being run.
        """
        lines = self.tests.get(str(job.target.file), {})
        first, last = job.mutant.lines
        chosen = lines if job.mutant.at_import else range(first, last + 1)
        found = set().union(*(lines.get(line, ()) for line in chosen))
        if job.mutant.at_import:
            files = {test.partition("::")[0] for test in found}
            found = {test for test in self.seconds if test.partition("::")[0] in files}
        return sorted(found, key=lambda test: (self.seconds.get(test, 0), test))


def try_mutants(jobs: Sequence[Job], tests: Sequence[str], workers: int) -> Iterator[tuple[int, bool]]:
    """Run each mutant against the tests: the index of each, as they end, and whether it was noticed.

    Raises:
        MutationError: The tests fail as they are.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            server = _Server(jobs, workers, pipe)
            code = _run_pytest(tests, [server, server.tracer])
            server.say(MutationError(server.tracer.failure or f"pytest says {code}") if not server.finished else None)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        while True:
            try:
                said = pickle.load(pipe)
            except EOFError:
                said = MutationError("the tests ended without a word")
            if isinstance(said, MutationError):
                raise said
            if said is None:
                break
            yield said
    os.waitpid(child, 0)


class _Server:
    """Takes the place of pytest's loop over the tests it collected."""

    def __init__(self, jobs: Sequence[Job], workers: int, pipe: IO[bytes]) -> None:
        self._jobs, self._workers, self._pipe = jobs, workers, pipe
        self.tracer = _Tracer({str(job.target.file) for job in jobs})
        self._functions: list[types.FunctionType] = []
        self.finished = False

    def say(self, what: object) -> None:
        """Tell the process that prints."""
        pickle.dump(what, self._pipe)
        self._pipe.flush()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            return True  # collecting failed; the tracer knows why
        coverage = self._measure(session)
        if coverage.failure:
            self.tracer.failure = f"the tests fail before anything is changed: {coverage.failure}"
            return True
        for name in coverage.modules:
            with contextlib.suppress(Exception):  # some are made by others at run time
                importlib.import_module(name)
        files = {str(job.target.file) for job in self._jobs}
        # `isinstance` would ask each object for its class, and some libraries' warn when they are asked.
        functions = [found for found in gc.get_objects() if type(found) is types.FunctionType]
        self._functions = [each for each in functions if os.path.realpath(each.__code__.co_filename) in files]
        gc.freeze()
        self._serve(session, coverage)
        self.finished = True
        return True

    def _measure(self, session: pytest.Session) -> Coverage:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self.tracer.tracing = True
            _with_few_examples(session.items)
            failed = _run_items(session, session.items)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump((failed, self.tracer.coverage()), pipe)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            payload = pipe.read()
        os.waitpid(child, 0)
        failed, coverage = pickle.loads(payload) if payload else (True, Coverage())
        if failed:
            coverage.failure = coverage.failure or "they crash"
        found: Coverage = coverage
        return found

    def _serve(self, session: pytest.Session, coverage: Coverage) -> None:
        running: dict[int, tuple[int, float]] = {}
        waiting = list(reversed(range(len(self._jobs))))
        items = {item.nodeid: item for item in session.items}
        while waiting or running:
            while waiting and len(running) < self._workers:
                index = waiting.pop()
                tests = coverage.of(self._jobs[index])
                if not tests:
                    self.say((index, False))
                    continue
                seconds = PATIENCE[0] + PATIENCE[1] * sum(coverage.seconds.get(test, 0) for test in tests)
                child = _start(self._jobs[index], session, [items[test] for test in tests], self._functions)
                running[child] = (index, time.monotonic() + seconds)
            for child in list(running):
                index, deadline = running[child]
                ended, status = os.waitpid(child, os.WNOHANG)
                if not ended and time.monotonic() > deadline:
                    _kill(child)
                    ended, status = os.waitpid(child, 0)
                if ended:
                    del running[child]
                    _kill(child)  # whatever it started
                    self.say((index, os.waitstatus_to_exitcode(status) != 0))
            time.sleep(0.002)


def _with_few_examples(items: list[pytest.Item]) -> None:
    """Let hypothesis be brief where only the lines matter that a test runs: tracing makes each example slow."""
    from hypothesis import settings

    for item in items:
        function, name = getattr(item, "function", None), "_hypothesis_internal_use_settings"
        usual = getattr(function, name, None)
        if usual is not None:
            setattr(function, name, settings(usual, max_examples=min(usual.max_examples, 20)))


def _kill(child: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


def _start(job: Job, session: pytest.Session, items: list[pytest.Item], functions: list[types.FunctionType]) -> int:
    child = os.fork()
    if child:
        return child
    failed = True
    try:
        os.setsid()
        _limit_memory()
        job.mutant.apply()
        if not job.mutant.at_import and _exchange(job, functions):
            failed = _run_items(session, items)
        else:
            for name in [name for name in sys.modules if not _is_installed(name)]:
                del sys.modules[name]
            sys.meta_path.insert(0, _Changed(job.target, job.tree))
            names = [f"{session.config.rootpath / item.nodeid}" for item in items]
            failed = _run_pytest(names, [_Quick()]) != 0
    finally:
        os._exit(int(failed))


def _run_items(session: pytest.Session, items: list[pytest.Item]) -> bool:
    """Run some of the tests that were collected; whether one failed."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return True
    return False


def _exchange(job: Job, functions: list[types.FunctionType]) -> bool:
    """Give the functions of a module the code of its changed source; whether all that differ could take it."""
    changed = _codes(job)
    job.mutant.revert()
    before = _codes(job)
    job.mutant.apply()
    met = False
    for function in functions:
        code = function.__code__
        place = (code.co_firstlineno, code.co_qualname)
        new = changed.get(place, [])
        if os.path.realpath(code.co_filename) != str(job.target.file) or new == before.get(place):
            continue
        if len(new) != 1 or code.co_freevars != new[0].co_freevars:
            return False
        function.__code__ = new[0]
        met = True
    return met


def _codes(job: Job) -> dict[tuple[int, str], list[types.CodeType]]:
    """Every code within a module's, by where it begins and what it is called."""
    found: dict[tuple[int, str], list[types.CodeType]] = defaultdict(list)
    todo = [compile(job.tree, str(job.target.file), "exec", dont_inherit=True)]
    while todo:
        inner = [each for each in todo.pop().co_consts if isinstance(each, types.CodeType)]
        for code in inner:
            found[code.co_firstlineno, code.co_qualname].append(code)
        todo += inner
    return found


def _limit_memory() -> None:
    import resource

    limit = 24 << 30  # of addresses, most of which the libraries reserve and never touch
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run_pytest(tests: Sequence[str], plugins: list[Any]) -> int:
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    return int(pytest.main([*OPTIONS, *tests], plugins=plugins))


def _is_installed(module: str) -> bool:
    """Whether a module is the interpreter's or a library's: not the program's or its tests', which hold on to it."""
    found = sys.modules.get(module)
    file = getattr(found, "__file__", None)
    if file is None:
        return module.partition(".")[0] not in ("counterpart", "tests")
    return os.path.realpath(file).startswith(INSTALLED) or module.startswith("tests.mutation") or module == "__main__"


class _Changed(importlib.abc.MetaPathFinder):
    """Gives the changed module to whoever imports it."""

    def __init__(self, target: Target, tree: ast.Module) -> None:
        self._target, self._tree = target, tree

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._target.module:
            return None
        loader = _Loader(name, str(self._target.file), self._tree)
        return importlib.util.spec_from_file_location(name, self._target.file, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, file: str, tree: ast.Module) -> None:
        super().__init__(name, file)
        self._tree = tree

    def get_code(self, fullname: str) -> types.CodeType:
        return compile(self._tree, self.path, "exec", dont_inherit=True)


class _Quick:
    """A hypothesis that fails has failed: no smaller example is looked for."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        from hypothesis import Phase, settings

        settings.register_profile("mutation", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate])
        settings.load_profile("mutation")


class _Tracer(_Quick):
    """Notes which test runs which line of some files."""

    def __init__(self, files: set[str]) -> None:
        self._files = files
        self._real: dict[str, str | None] = {}
        self._lines: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._test: str | None = None
        self._seconds: dict[str, float] = {}
        self.tracing = False
        self.failure = ""

    def coverage(self) -> Coverage:
        """All that was noted."""
        lines = {file: dict(lines) for file, lines in self._lines.items()}
        return Coverage(lines, self._seconds, list(sys.modules), self.failure)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if not self.tracing:
            return (yield)
        self._test = item.nodeid
        started = time.monotonic()
        threading.settrace(self._call)
        sys.settrace(self._call)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            self._test = None
            self._seconds[item.nodeid] = time.monotonic() - started

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failure = f"{report.nodeid}\n{report.longreprtext}"

    def pytest_internalerror(self, excrepr: object) -> None:
        self.failure = str(excrepr)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failure = f"{report.nodeid}\n{report.longreprtext}"

    def _call(self, frame: types.FrameType, event: str, argument: object) -> Any:
        name = frame.f_code.co_filename
        if name not in self._real:
            real = os.path.realpath(name)
            self._real[name] = real if real in self._files else None
        file = self._real[name]
        if file is None or self._test is None:
            return None
        lines = self._lines[file]
        test = self._test
        lines[frame.f_lineno].add(test)

        def line(frame: types.FrameType, event: str, argument: object) -> Any:
            lines[frame.f_lineno].add(test)
            return line

        return line
