"""`python dev.py audit`: known holes in what the program may be installed with; `python dev.py lock`: that, exactly.

Compared with the table in `tests/audit/advisories.json`, without a network: the versions that `pyproject.toml` lets in,
those in `constraints.txt`, and those installed here. One line for each hole, exit code 1 if there is any.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.audit.table import Advisory, TableError, read_export, read_table, write_table

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "constraints.txt"
_PINNED = re.compile(r"([A-Za-z0-9._-]+)==([^\s;#]+)")


def declared(pyproject: Path) -> list[Requirement]:
    """Everything that is required anywhere, to build as well; the project's own extras left out."""
    content = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    project = content["project"]
    texts = [*content["build-system"]["requires"], *project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        texts += extra
    found = [Requirement(text) for text in texts]
    return [requirement for requirement in found if requirement.name != project["name"]]


def locked(path: Path) -> dict[str, str]:
    """Versions by name in a file of constraints, or as `pip freeze` writes them."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(match[1]): match[2] for line in lines if (match := _PINNED.match(line.strip()))}


def installed(requirements: list[Requirement]) -> dict[str, str]:
    """Versions by name of what is installed here of some requirements, and of all that these require."""
    found: dict[str, str] = {}
    waiting = [(requirement, "") for requirement in requirements]
    seen = set()
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        wanted = [(name, each) for each in ("", *requirement.extras) if (name, each) not in seen]
        seen.update(wanted)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = distribution.version
        for _, each in wanted:
            waiting += [(Requirement(text), each) for text in distribution.requires or ()]
    return found


def holes(
    advisories: list[Advisory], requirements: list[Requirement], versions: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """A line for each hole in what is declared, then in versions by the place they are from."""
    for requirement in requirements:
        for advisory in advisories:
            if advisory.package == canonicalize_name(requirement.name) and advisory.admitted_by(requirement):
                yield f"pyproject.toml: '{requirement}' admits {_named(advisory)}"
    for place, pins in versions.items():
        for name, version in sorted(pins.items()):
            for advisory in advisories:
                if advisory.package == name and advisory.affects(version):
                    yield f"{place}: {name} {version} has {_named(advisory)}"


def _named(advisory: Advisory) -> str:
    return f"{advisory.id} ({advisory.what}; affected: {' or '.join(advisory.ranges)})"


def write_lock(path: Path, pins: Mapping[str, str]) -> None:
    """Write versions as constraints for pip; builds for one accelerator (`+cu130`) by the version they are of."""
    head = (
        "# Versions that the checks last passed with, written by `python dev.py lock`. Nobody has to use them; to get\n"
        "# exactly these: PIP_CONSTRAINT=constraints.txt python3 dev.py test\n"
    )
    lines = (f"{name}=={Version(version).public}\n" for name, version in sorted(pins.items()))
    path.write_text(head + "".join(lines), encoding="utf-8")


def main(argv: list[str]) -> int:
    """Entry point. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="dev.py audit", description=__doc__)
    parser.add_argument("--lock", action="store_true", help="write constraints.txt from what is installed here")
    parser.add_argument(
        "--refresh",
        type=Path,
        help="take advisories from OSV records (file or folder), or pip-audit's JSON, into the table",
    )
    parser.add_argument(
        "--versions", type=Path, help="look at these versions (`pip freeze`) instead of those installed"
    )
    args = parser.parse_args(argv)
    requirements = declared(ROOT / "pyproject.toml")
    here = installed(requirements)
    if args.lock:
        write_lock(LOCK, here)
        print(f"{LOCK.name}: {len(here)} versions")
        return 0
    try:
        date, advisories = read_table()
        if args.refresh is not None:
            known = {canonicalize_name(requirement.name) for requirement in requirements}
            known |= set(here) | set(locked(LOCK))
            write_table([*advisories, *read_export(args.refresh, known)])
            date, advisories = read_table()
        others = {args.versions.name: locked(args.versions)} if args.versions else {"installed": here}
        found = list(holes(advisories, requirements, {LOCK.name: locked(LOCK), **others}))
    except (OSError, TableError) as error:
        print(f"dev.py audit: {error}", file=sys.stderr)
        return 1
    for line in found:
        print(line)
    checked = len(requirements) + len(locked(LOCK)) + sum(map(len, others.values()))
    print(f"{len(found)} known holes in {checked} requirements and versions; {len(advisories)} advisories of {date}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
