"""Runs tests on mutants: one process imports the heavy libraries, and forks a child for each mutant.

A first child runs the tests on the unchanged program and notes which test runs which line, so that a mutant meets only
the tests that can notice it, quickest first. Each child takes the changed module through an import hook; no file is
written. A test that fails, a crash and a timeout all count as noticed.
"""

from __future__ import annotations

import ast
import contextlib
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
from typing import Any

import pytest

from tests.mutation.mutants import Mutant

__all__ = ["Coverage", "MutationError", "Target", "measure", "try_mutants"]

OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--assert=plain", "-p", "no:faulthandler")
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


@dataclass(slots=True)
class Coverage:
    """What the unchanged program did under the tests.

    Attributes:
        tests: File, then line, then the tests that ran it.
        seconds: How long each test took.
        libraries: Modules of others that were imported, in order.
    """

    tests: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    libraries: list[str] = field(default_factory=list)

    def of(self, target: Target, mutant: Mutant) -> list[str]:
        """The tests that run the changed lines, quickest first; for what runs at import, those that use the module."""
        lines = self.tests.get(str(target.file), {})
        first, last = mutant.lines
        chosen = range(first, last + 1) if not mutant.at_import else lines
        found = set().union(*(lines.get(line, ()) for line in chosen))
        return sorted(found, key=lambda test: (self.seconds.get(test, 0), test))


def measure(targets: Sequence[Target], tests: Sequence[str]) -> Coverage:
    """Run the tests on the unchanged program, and import here what they imported of others.

    Raises:
        MutationError: They fail as it is.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        plugin = _Tracer({str(target.file) for target in targets})
        code = _run_pytest(tests, [plugin])
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump((code, plugin.coverage(), plugin.failure), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        payload = pipe.read()
    os.waitpid(child, 0)
    if not payload:
        raise MutationError("the tests ended without a word")
    code, coverage, failure = pickle.loads(payload)
    if code != 0:
        raise MutationError(f"the tests fail before anything is changed: {failure or f'pytest says {code}'}")
    for name in coverage.libraries:
        with contextlib.suppress(Exception):  # some are made by others at run time
            importlib.import_module(name)
    found: Coverage = coverage
    return found


def try_mutants(
    jobs: Sequence[tuple[Target, ast.Module, Mutant]],
    coverage: Coverage,
    workers: int,
) -> Iterator[tuple[int, bool]]:
    """Run each mutant against its tests: the index of each, as they end, and whether it was noticed."""
    running: dict[int, tuple[int, float]] = {}
    waiting = list(reversed(range(len(jobs))))
    while waiting or running:
        while waiting and len(running) < workers:
            index = waiting.pop()
            target, tree, mutant = jobs[index]
            tests = coverage.of(target, mutant)
            if not tests:
                yield index, False
                continue
            seconds = PATIENCE[0] + PATIENCE[1] * sum(coverage.seconds.get(test, 0) for test in tests)
            running[_start(target, tree, mutant, tests)] = (index, time.monotonic() + seconds)
        for child in list(running):
            index, deadline = running[child]
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended and time.monotonic() > deadline:
                _kill(child)
                ended, status = os.waitpid(child, 0)
            if ended:
                del running[child]
                _kill(child)  # whatever it started
                yield index, _noticed(status, jobs[index][2])
        time.sleep(0.005)


def _noticed(status: int, mutant: Mutant) -> bool:
    code = os.waitstatus_to_exitcode(status)
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise MutationError(f"no test could be run on {mutant.change}")
    return code != 0


def _kill(child: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


def _start(target: Target, tree: ast.Module, mutant: Mutant, tests: Sequence[str]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setsid()
        _limit_memory()
        mutant.apply()
        sys.meta_path.insert(0, _Changed(target, tree))
        code = int(_run_pytest(tests, [_Quick()]))
    finally:
        os._exit(code)


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
        self.failure = ""

    def coverage(self) -> Coverage:
        """All that was noted."""
        files = {name: getattr(module, "__file__", None) or "" for name, module in list(sys.modules.items())}
        # The program and its tests are imported by each child anew: they may hold on to the changed module.
        libraries = [name for name, file in files.items() if os.path.realpath(file).startswith(INSTALLED)]
        return Coverage({file: dict(lines) for file, lines in self._lines.items()}, self._seconds, libraries)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
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
