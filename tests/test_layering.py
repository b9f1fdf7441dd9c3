"""The layering of the program: what may import what, and what stays out of memory until it is needed."""

import ast
import copy
import os
import subprocess
import sys
from pathlib import Path

import grimp
import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "torchvision", "timm", "faiss", "onnx")


def _run_python(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def _imported_names(file: Path) -> set[str]:
    """Packages imported anywhere in a file; modules of `counterpart.core` with their full name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name if name.startswith("counterpart.core") else name.partition(".")[0] for name in names}


def _circles(package: str, graph: grimp.ImportGraph) -> list[list[str]]:
    """Groups of a package's modules that import each other, in a round of whatever length."""
    own = {name for name in graph.modules if name == package or name.startswith(f"{package}.")}
    numbers = {name: number for number, name in enumerate(sorted(own))}
    arrows = [
        (numbers[name], numbers[other]) for name in own for other in graph.find_modules_directly_imported_by(name) & own
    ]
    rows, columns = np.array(arrows).reshape(-1, 2).T
    matrix = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(own), len(own)))
    _, group = connected_components(matrix, directed=True, connection="strong")
    members = [[name for name, number in numbers.items() if group[number] == each] for each in np.unique(group)]
    return [names for names in members if len(names) > 1]


@pytest.fixture(scope="module")
def graph():
    """Who imports whom, what stands under `TYPE_CHECKING` or inside a function included."""
    return grimp.build_graph("counterpart", exclude_type_checking_imports=False, cache_dir=None)


@pytest.mark.parametrize("package", ["counterpart.core", "counterpart.desktop"])
def test_no_modules_import_each_other_in_a_circle(graph, package):
    assert len(graph.find_children(package)) > 14
    assert _circles(package, graph) == []


def test_a_circle_through_three_rooms_would_be_found(graph):
    """`cosegment` uses `backbone`, which uses `features`: an import back up closes the round."""
    planted = copy.deepcopy(graph)
    low, high = "counterpart.core.features.saliency", "counterpart.core.cosegment.cosegmentation"
    planted.add_import(importer=low, imported=high, line_number=1, line_contents="")
    (circle,) = _circles("counterpart.core", planted)
    assert {low, high, "counterpart.core.backbone.registry"} <= set(circle)


def test_import_contracts_are_kept():
    done = _run_python("import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "allowed"), [("geometry", {"numpy"}), ("jobs", set()), ("errors", set()), ("resources", set())]
)
def test_ground_modules_import_only_what_their_contract_names(module, allowed):
    names = _imported_names(ROOT / "core" / f"{module}.py")
    assert names - set(sys.stdlib_module_names) - {"counterpart.core.errors"} <= allowed


@pytest.mark.parametrize(
    "module",
    [
        "counterpart.core.project",
        "counterpart.core.formats",
        "counterpart.core.cli",
        "counterpart.core.backbone.weights",
        "counterpart.desktop.window.main_window",
        "counterpart.desktop.app",
    ],
)
def test_torch_stays_out_of_memory_when_a_project_is_opened_or_the_window_starts(module):
    done = _run_python(f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


NOT_AT_THE_START = {
    *HEAVY,
    *("scipy", "sklearn", "openTSNE", "natsort", "safetensors", "av", "urllib.request"),
    *(
        f"counterpart.core.{name}"
        for name in (
            *("backbone.checkpoints", "backbone.install", "evaluate", "formats", "landmarks", "matching"),
            *("pipeline.evaluate", "pipeline.explore", "pipeline.keypoints.transfer", "pipeline.matches"),
            *("propagate", "track", "transfer"),
        )
    ),
}
"""What a person may never need who opens a project and corrects it: fetched when it is asked for."""


def test_the_window_starts_without_what_only_some_of_its_commands_need(tmp_path):
    """A window that has been built and shown, not its imports alone: parameters and needs are asked for then."""
    code = (
        "import os, sys\n"
        "from counterpart.desktop.app import MainWindow, Settings, make_application\n"
        "application = make_application(['counterpart'])\n"
        "window = MainWindow(Settings())\n"
        "window.show()\n"
        "application.processEvents()\n"
        "print(*sys.modules, flush=True)\n"
        "os._exit(0)"
    )
    folders = {f"COUNTERPART_{name}": str(tmp_path / name.lower()) for name in ("CACHE", "SETTINGS")}
    done = _run_python(code, QT_QPA_PLATFORM="offscreen", **folders)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "counterpart.desktop.window.main_window" in loaded
    assert loaded & NOT_AT_THE_START == set()


@pytest.mark.parametrize("package", ["core", "desktop"])
def test_every_folder_of_code_is_a_package_so_that_the_wheel_carries_it(package):
    folders = {file.parent for file in (ROOT / package).rglob("*.py")}
    assert folders
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
