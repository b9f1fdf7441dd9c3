"""Mutation testing finds what a weak test lets through, and nothing that a strong one holds."""

import ast
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.mutation.__main__ import ROOT, targets_of
from tests.mutation.__main__ import tests_of as predicted_tests
from tests.mutation.mutants import find_mutants
from tests.mutation.trial import Target

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="mutants are tried in forked processes")


def changes(source):
    return [mutant.change for mutant in find_mutants(textwrap.dedent(source))[1]]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", ["a < b → a <= b", "a < b → a >= b"]),
        ("x = a == b", ["a == b → a != b"]),
        ("x = a + b", ["a + b → a - b"]),
        ("x = a // b", ["a // b → -(-a // b)"]),
        ("x = 2", ["2 → 3", "2 → 1"]),
        ("x = -1", ["-1 → 1", "-1 → -2", "-1 → -0"]),
        ("x = 0.25", ["0.25 → 0.5", "0.25 → -0.25"]),
        ("x = 1e-9", ["1e-09 → -1e-09"]),
        ("x = True", ["True → False"]),
        ("x = a and b", ["a and b → a or b"]),
        ("x = not a", ["not a → a"]),
        ("x = a[b:c]", ["b:c → :c", "b:c → b:"]),
        ("x = a if b else c", ["a if b else c → c if b else a"]),
        ("x = a.reshape(-1, 2)", ["2 → 3", "2 → 1"]),
        ("x = np.zeros(n)", ["np.zeros(n) → np.ones(n)"]),
        ("x = np.zeros((0, n))", ["0 → 1"]),
        ("x = np.argmax(a)", ["np.argmax(a) → np.argmin(a)"]),
        ("x = np.clip(a, b, c)", ["np.clip(a, b, c) → a"]),
        ("x = a.sum(axis=b)", ["a.sum(axis=b) → a.sum()"]),
        ("x = [a for a in b if c]", ["for a in b if c → for a in b"]),
        ("a.append(b)", ["a.append(b) → nothing"]),
        ("store.check()", ["store.check() → nothing"]),
        ("a += b", ["a += b → nothing", "a += b → a -= b"]),
        ("def f():\n    return a, b", ["(a, b) → (b, a)"]),
        ("def f(a=0): ...", ["0 → 1"]),
        ("if a: b = c", ["a → not a"]),
    ],
)
def test_each_kind_of_change_is_made(source, expected):
    assert changes(source) == expected


def test_what_only_a_reader_sees_is_left_alone():
    source = '''
    """A docstring."""
    from typing import TYPE_CHECKING, cast
    __all__ = ["f"]
    Size = int | tuple[int, int]
    if TYPE_CHECKING:
        LIMIT = 3

    @decorated(depth=3)
    def f(a: Annotated[int, 4]) -> Literal[5]:
        log.info("took %d", 1 + a)
        ctx.stage(b, c).step(a, a + 1, "Half")
        self.part.step(0, 1, "Whole")
        ctx.check()
        assert a is not b
        raise ValueError(f"{a + 1} of 7")
    '''
    assert changes(source) == []


def test_a_change_is_put_in_and_taken_out_again():
    source = "def f(a):\n    return [a + 1, a * 2]"
    tree, mutants = find_mutants(source)
    before = ast.unparse(tree)
    seen = set()
    for mutant in mutants:
        mutant.apply()
        seen.add(ast.unparse(tree))
        mutant.revert()
        assert ast.unparse(tree) == before
    assert len(seen) == len(mutants)
    assert before not in seen


def test_a_mutant_knows_the_lines_of_its_statement_and_whether_they_run_at_import():
    source = "LIMIT = 3\ndef f(\n    a=0,\n):\n    if a < (\n        LIMIT\n    ):\n        return a + 1\n"
    _, mutants = find_mutants(source)
    where = {mutant.change: (mutant.lines, mutant.at_import) for mutant in mutants}
    assert where["3 → 4"] == ((1, 1), True)
    assert where["0 → 1"][1]
    assert where["a < LIMIT → a <= LIMIT"] == ((5, 7), False)
    assert where["a + 1 → a - 1"] == ((8, 8), False)


def test_a_module_meets_the_tests_that_its_path_predicts_first():
    (wand,) = targets_of(ROOT / "core/tools/wand.py")
    assert wand == Target("counterpart.core.tools.wand", ROOT / "core/tools/wand.py")
    first, *others = predicted_tests(wand)
    assert Path(first) == ROOT / "tests/core/tools/test_wand.py"
    assert {Path(other).parent for other in others} == {ROOT / "tests/core/tools"}
    (geometry,) = targets_of(ROOT / "core/geometry.py")
    assert predicted_tests(geometry) == (str(ROOT / "tests/core/test_geometry.py"),)


MODULE = """
LIMIT = 10

def clamp(value):
    if value > LIMIT:
        return LIMIT
    return value

def forever(count):
    while count > 0:
        count -= 1
    return count
"""
WEAK = """
from counterpart.planted import clamp
def test_clamp():
    assert clamp(3) == 3
"""
STRONG = """
from counterpart.planted import clamp, forever
def test_clamp():
    assert [clamp(value) for value in (3, 10, 10.5, 12)] == [3, 10, 10, 10]
def test_forever():
    assert forever(1) == 0
"""
RUN = """
import json, sys
from pathlib import Path
import tests.mutation.trial as trial
from tests.mutation.mutants import find_mutants
trial.PATIENCE = (2.0, 2.0)
folder = Path(sys.argv[1])
target = trial.Target("counterpart.planted", folder / "counterpart" / "planted.py")
tree, mutants = find_mutants(target.file.read_text())
jobs = [trial.Job(target, tree, each) for each in mutants]
noticed = dict(trial.try_mutants(jobs, [str(folder / sys.argv[2])], 2))
print(json.dumps({f"{each.line}: {each.change}": noticed[at] for at, each in enumerate(mutants)}))
"""


@pytest.fixture
def planted(tmp_path):
    """A package of its own with one module, a test that pins little, one that pins all, and one that fails."""
    (tmp_path / "counterpart").mkdir()
    (tmp_path / "counterpart" / "__init__.py").touch()
    (tmp_path / "counterpart" / "planted.py").write_text(MODULE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text("from hypothesis import settings\nsettings.register_profile('ci')\n")
    for name, text in {"weak": WEAK, "strong": STRONG, "failing": "def test_it():\n    assert 0"}.items():
        (tmp_path / f"test_{name}.py").write_text(text)

    def run(name):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
        command = [sys.executable, "-c", RUN, str(tmp_path), f"test_{name}.py"]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


@needs_fork
def test_a_weak_test_lets_mutants_survive(planted):
    noticed = json.loads(planted("weak").stdout)
    assert noticed["5: value > LIMIT → value <= LIMIT"]
    assert not noticed["5: value > LIMIT → value >= LIMIT"]
    assert not noticed["2: 10 → 11"]
    assert not noticed["11: count -= 1 → nothing"]  # no test comes there


@needs_fork
def test_a_strong_test_kills_them_endless_loops_included(planted):
    noticed = json.loads(planted("strong").stdout)
    survivors = {change for change, killed in noticed.items() if not killed}
    assert survivors == {"5: value > LIMIT → value >= LIMIT"}  # the same for every value, so not to be noticed
    assert noticed["11: count -= 1 → nothing"]


@needs_fork
def test_tests_that_fail_as_they_are_measure_nothing(planted):
    result = planted("failing")
    assert result.returncode != 0
    assert "fail before anything is changed" in result.stderr
