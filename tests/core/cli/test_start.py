"""What the command line imports before it works: help and usage errors come at once because nothing heavy is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from counterpart.core.cli.parser import COMMANDS, build_parser

ROOT = Path(__file__).resolve().parents[3]
OF_THE_WORK = ("numpy", "PIL", "scipy", "torch", "importlib.metadata", "counterpart.core.pipeline", "PySide6")


def _loaded(*args: str) -> set[str]:
    """Modules in memory after these arguments were parsed."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('LOADED', *sys.modules))\n"
        "from counterpart.__main__ import main\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *args], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


def _commands_among(loaded: set[str]) -> set[str]:
    modules = {module for module, _ in COMMANDS.values()}
    return {name for name in modules if f"counterpart.core.cli.{name}" in loaded}


def test_help_loads_no_command():
    loaded = _loaded("--help")
    assert "argparse" in loaded
    assert _commands_among(loaded) == set()
    assert loaded.isdisjoint(OF_THE_WORK)


def test_version_loads_no_command():
    loaded = _loaded("--version")
    assert _commands_among(loaded) == set()
    assert loaded.isdisjoint(set(OF_THE_WORK) - {"importlib.metadata"})


@pytest.mark.parametrize(
    ("command", "modules"),
    [
        ("parts", {"masks"}),
        ("match", {"points"}),
        ("explore", {"features"}),
        ("models", {"manage"}),
        ("track", {"sequences"}),
        ("statistics", {"projects"}),
    ],
)
def test_help_of_a_command_loads_its_module_alone(command, modules):
    loaded = _loaded(command, "--help")
    assert _commands_among(loaded) == modules
    assert loaded.isdisjoint(OF_THE_WORK)


def test_every_command_declares_what_it_takes():
    for name in COMMANDS:
        parser = build_parser()
        with pytest.raises(SystemExit) as ended:
            parser.parse_args([name, "--help"])
        assert ended.value.code == 0


def test_help_names_every_command_with_its_line(capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for name, (_, text) in COMMANDS.items():
        assert f" {name} {text}" in shown


def test_a_command_asked_twice_is_declared_once():
    parser = build_parser()
    first = parser.parse_args(["statistics", "a.counterpart"])
    second = parser.parse_args(["statistics", "b.counterpart", "--json"])
    assert (first.project, first.json) == (Path("a.counterpart"), False)
    assert (second.project, second.json) == (Path("b.counterpart"), True)
