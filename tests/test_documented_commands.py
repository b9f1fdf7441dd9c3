"""Command lines that the documents print are ones that the programs take."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

import dev
from counterpart.core.cli import COMMANDS, build_parser
from tests.bench.__main__ import HERE as BENCHMARKS
from tests.quality.__main__ import QUICK

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(f"docs/{name}.md" for name in ("guide", "results"))]


def command_lines(program: str) -> list[str]:
    """Lines of the documents' code that start with a program, from blocks and from between backticks."""
    found = []
    for name in DOCUMENTS:
        text = (ROOT / name).read_text(encoding="utf-8")
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
        lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
        lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
        found += [line.strip() for line in lines if line.startswith(f"{program} ")]
    return sorted(set(found))


def complete(program: str) -> list[str]:
    """The lines that can be typed as they are, not patterns with something left out."""
    return [
        line for line in command_lines(program) if not re.search(r"…|\[|\bNAME\b|\bPATH\b|\bCOMMAND\b|\bFOLDER\b", line)
    ]


@pytest.mark.parametrize("line", complete("counterpart"))
def test_the_command_line_takes_what_is_documented(line):
    words = shlex.split(line, comments=True)[1:]
    if words[1:]:
        build_parser().parse_args(words)  # or it exits, which fails the test with what it says
    else:
        assert words[0] in COMMANDS  # the command is spoken of


def test_the_readme_shows_every_kind_of_command():
    shown = {line.split()[1] for line in command_lines("counterpart")}
    assert {"parts", "propagate", "cosegment", "match", "transfer", "track", "explore", "export", "doctor"} <= shown


@pytest.mark.parametrize("line", command_lines("python3"))
def test_the_set_up_script_has_the_documented_commands(line):
    words = shlex.split(line, comments=True)
    assert words[1] == "dev.py"
    assert dev.parse(words[2:])[0].command in dev.COMMANDS


@pytest.mark.parametrize("line", complete("python"))
def test_the_documented_measurements_exist(line):
    words = shlex.split(line)
    assert words[1] == "-m"
    assert importlib.util.find_spec(words[2]) is not None
    package, _, module = words[2].removeprefix("tests.").partition(".")
    names = [module] if module else [word for word in words[3:] if re.fullmatch(r"[a-z]+", word)]
    if package == "quality":
        assert set(names) <= set(QUICK)
    elif package == "bench":
        assert all((BENCHMARKS / f"bench_{name.removeprefix('bench_')}.py").is_file() for name in names)


@pytest.mark.parametrize("line", complete("make"))
def test_the_documented_targets_exist(line):
    target = line.split()[1]
    assert re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
