"""The layering of the program: what may import what, and what stays out of memory until it is needed."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "torchvision", "timm", "faiss", "onnx")


def _run_python(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def _imported_names(file: Path) -> set[str]:
    """Packages imported anywhere in a file; modules of `core` with their full name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name if name.startswith("core") else name.partition(".")[0] for name in names}


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


@pytest.mark.parametrize("package", ["core", "desktop"])
def test_every_folder_of_code_is_a_package_so_that_the_wheel_carries_it(package):
    folders = {file.parent for file in (ROOT / package).rglob("*.py")}
    assert folders
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
