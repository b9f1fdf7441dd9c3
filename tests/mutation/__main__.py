"""`python dev.py mutate PATH… [--sample N] [--seed S] [--tests PATH…]`: which changes to the program no test notices.

A path is a folder, a module, or one line of it (`core/geometry.py:81`). By default a module meets the tests of its
room: `core/tools/wand.py` those in `tests/core/tools`, `core/geometry.py` `tests/core/test_geometry.py`. Survivors
are listed with their place and the change. Those that cannot be noticed, since the program does the same, stand with
their reason in `tests/mutation/equivalent.toml` and are left out of the score.
"""

from __future__ import annotations

import os

# Before numpy and torch are imported: what has threads cannot be forked.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
os.environ.update({"QT_QPA_PLATFORM": "offscreen", "CI": "1"})  # the same examples of every hypothesis each time

import argparse
import json
import random
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from pathlib import Path

from tests.mutation.mutants import find_mutants
from tests.mutation.trial import Job, MutationError, Target, try_mutants

ROOT = Path(__file__).resolve().parents[2]
ANY = "any"
"""Stands in the list of equivalents for all changes to a line."""
EQUIVALENT = Path(__file__).with_name("equivalent.toml")


def path_of(job: Job) -> str:
    """The module's file, as it is named in the repository."""
    return job.target.file.relative_to(ROOT).as_posix()


def targets_of(path: Path) -> list[Target]:
    """The modules of a file or folder, under the names they are imported by."""
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    found = []
    for file in files:
        parts = file.resolve().relative_to(ROOT).with_suffix("").parts
        if parts[:2] == ("core", "api"):
            parts = parts[2:]
        if parts[-1:] == ("__init__",):
            parts = parts[:-1]
        found.append(Target(".".join(("counterpart", *parts)), file.resolve()))
    return found


def tests_of(target: Target) -> tuple[str, ...]:
    """The tests whose place a module's path predicts: the file of its name first, then those of its room."""
    path = target.file.relative_to(ROOT)
    room = Path("tests", *path.parts[:-1])
    files = [room / f"test_{path.stem}.py"]
    if len(path.parts) > 2:
        files += sorted((ROOT / room).rglob("test_*.py"))
    existing = [str(file) for file in (ROOT / file for file in files) if file.exists()]
    if not existing:
        raise MutationError(f"no tests for {path}: name some with --tests")
    return tuple(dict.fromkeys(existing))


def equivalents() -> dict[tuple[str, str, str], str]:
    """Why some mutants are none, by file, line of source and change."""
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", [])
    return {(entry["file"], entry["line"], entry["change"]): entry["reason"] for entry in entries}


def collect(paths: list[str]) -> tuple[list[Job], list[str]]:
    """All mutants of some files and folders; and the entries of the list of equivalents that fit none."""
    known = equivalents()
    used = set()
    jobs = []
    files = set()
    lines: dict[Target, set[int]] = defaultdict(set)
    for path in paths:
        name, _, line = path.partition(":")
        for target in targets_of(Path(name)):
            lines[target] |= {int(line)} if line else set()
    for target, wanted in lines.items():
        tree, mutants = find_mutants(target.file.read_text(encoding="utf-8"))
        for job in (Job(target, tree, mutant) for mutant in mutants):
            if wanted and job.mutant.line not in wanted:
                continue
            files.add(path_of(job))
            place = (path_of(job), job.mutant.text)
            keys = {(*place, job.mutant.change), (*place, ANY)}
            used |= keys
            if known.keys().isdisjoint(keys):
                jobs.append(job)
    # Of single lines, nothing can be said about the others.
    whole = files - {path.partition(":")[0] for path in paths if ":" in path}
    return jobs, [" | ".join(key) for key in known if key[0] in whole and key not in used]


def run(jobs: list[Job], tests: list[str] | None, workers: int) -> dict[int, bool]:
    """Whether each mutant was noticed, by its index."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, job in enumerate(jobs):
        groups[tuple(tests) if tests else tests_of(job.target)].append(index)
    rooms: dict[frozenset[str], list[int]] = defaultdict(list)
    orders = {}
    for names, indices in groups.items():  # one room has one set of tests, whichever of its files comes first
        rooms[frozenset(names)] += indices
        orders[frozenset(names)] = names
    noticed: dict[int, bool] = {}
    started = time.monotonic()

    def done(index: int, killed: bool) -> None:
        noticed[index], job = killed, jobs[index]
        if not killed:
            print(f"survived  {path_of(job)}:{job.mutant.line}: {job.mutant.change}", flush=True)
        if len(noticed) % 100 == 0:
            print(f"{len(noticed)} of {len(jobs)}, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)

    for room, members in rooms.items():
        for at, killed in try_mutants([jobs[index] for index in members], orders[room], workers):
            done(members[at], killed)
    return noticed


def table(jobs: list[Job], noticed: dict[int, bool]) -> list[dict[str, object]]:
    """One row for each module, and one for all."""
    rows = []
    for path in [*dict.fromkeys(path_of(job) for job in jobs), "all"]:
        marks = [noticed[index] for index, job in enumerate(jobs) if path in (path_of(job), "all")]
        score = round(100 * sum(marks) / len(marks), 1)
        rows.append({"module": path, "mutants": len(marks), "killed": sum(marks), "score": score})
    return rows


def main(arguments: list[str]) -> int:
    """Print survivors as they are found, then the table. Returns the exit code: 0 whatever the score."""
    parser = argparse.ArgumentParser(prog="dev.py mutate", description=__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="folder, module or module:line")
    parser.add_argument("--sample", type=int, metavar="N", help="try so many of the mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of that draw (default: 0)")
    parser.add_argument("--tests", nargs="+", metavar="PATH", help="tests to run in place of the room's")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="mutants tried at a time (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table and the survivors there")
    options = parser.parse_args(arguments)
    if not hasattr(os, "fork"):
        print("Mutation testing forks a process for each mutant, which Windows cannot: use Linux or macOS.")
        return 2
    try:
        jobs, stale = collect(options.paths)
        if options.sample is not None and options.sample < len(jobs):
            chosen = random.Random(options.seed).sample(range(len(jobs)), options.sample)
            jobs = [jobs[index] for index in sorted(chosen)]
        if not jobs:
            print("nothing to change there")
            return 0
        with tempfile.TemporaryDirectory(prefix="counterpart-mutation-", ignore_cleanup_errors=True) as folder:
            os.environ["TMPDIR"] = tempfile.tempdir = folder
            noticed = run(jobs, options.tests, max(options.jobs, 1))
    except MutationError as error:
        print(f"dev.py mutate: {error}", file=sys.stderr)
        return 1
    rows = table(jobs, noticed)
    print("\n| module | mutants | killed | survived | score |\n|---|---|---|---|---|")
    for row in rows:
        survived = int(str(row["mutants"])) - int(str(row["killed"]))
        print(f"| {row['module']} | {row['mutants']} | {row['killed']} | {survived} | {row['score']:.1f} % |")
    for entry in stale:
        print(f"in {EQUIVALENT.name}, but no longer a mutant: {entry}")
    if options.json:
        survivors = [
            {"file": path_of(job), "line": job.mutant.line, "text": job.mutant.text, "change": job.mutant.change}
            for index, job in enumerate(jobs)
            if not noticed[index]
        ]
        text = json.dumps({"modules": rows, "survivors": survivors}, indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
