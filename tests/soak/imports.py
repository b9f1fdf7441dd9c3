"""Files of every format, changed at random: an error that names the file, or a result; never a crash or a hang."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from counterpart.core.errors import CounterpartError, FormatError
from counterpart.core.formats import FORMATS, ExportOptions, export_project, import_into
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import silent
from counterpart.core.project.commands import AddInstance, AddPart, AddSkeleton, ReplaceMasks, ReplaceMatches
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, MatchSet, Skeleton

ROOT = Path(__file__).resolve().parents[2]
READABLE = [name for name, entry in FORMATS.items() if entry.read is not None]
MEMORY = 3 * 2**30
SECONDS = 20
WORDS = [b"NaN", b"-1", b"1e999", b"1e300", b"99999999999999999999", b"2147483648", b"-9223372036854775808", b"null"]
WORDS += [b"true", b"[]", b"{}", b'""', b"\x00", b"\xff\xfe", b"..", b"/", b"*a", b"&a", b"!!python/name:os", b"0"]


def sample_project(folder: Path) -> Document:
    """Two small images with parts, holes, instances and a match."""
    (folder / "photos").mkdir(exist_ok=True)
    for name in ("a.jpg", "b.png"):
        Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(folder / "photos" / name)
    document = opened(folder)
    labels = np.zeros((40, 50), np.uint8)
    labels[5:30, 8:40], labels[10:20, 15:25] = 1, 2
    for part in ("wing", "body"):
        document.apply(AddPart(part))
    document.apply(ReplaceMasks({1: labels, 2: labels}))
    document.apply(AddSkeleton(Skeleton(("nose", "ear"), ((0, 1),), (), ((0, 1),), "bird")))
    for image in (1, 2):
        document.apply(AddInstance(image, KeypointSet.make([[3, 4], [5, 6.5]], box=(1, 2, 30, 20))))
    document.apply(ReplaceMatches([MatchSet.make(1, 2, [[1, 2]], [[3, 4]], state=1)]))
    return document


def opened(folder: Path) -> Document:
    """An empty project of the two images."""
    document = Document.untitled()
    document.add_images(find_images([folder / "photos"]))
    return document


def spoil(source: Path, target: Path, rng: random.Random) -> None:
    """A copy of an export in which one file is changed."""
    if source.is_dir():
        shutil.copytree(source, target)
        files = [file for file in sorted(target.rglob("*")) if file.is_file()]
    else:
        shutil.copyfile(source, target)
        files = [target]
    file = rng.choice(files)
    data = file.read_bytes()
    changes = [_cut, _bytes, _words, _repeat, _swap]
    if file.suffix == ".json":
        changes += [_values] * 4
    file.write_bytes(rng.choice(changes)(data, rng))


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _bytes(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randrange(1, 8)):
        if out:
            out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


def _words(data: bytes, rng: random.Random) -> bytes:
    """Put an odd value where a number stood, or anywhere."""
    for _ in range(rng.randrange(1, 4)):
        digits = [place for place, byte in enumerate(data) if 48 <= byte <= 57]
        place = rng.choice(digits) if digits and rng.random() < 0.8 else rng.randrange(len(data) + 1)
        data = data[:place] + rng.choice(WORDS) + data[place + 1 :]
    return data


def _repeat(data: bytes, rng: random.Random) -> bytes:
    """A piece comes twice: ids, keys, elements and lines that must be unique."""
    start = rng.randrange(len(data) + 1)
    end = min(len(data), start + rng.randrange(1, 400))
    return data[:end] + data[start:end] + data[end:]


def _swap(data: bytes, rng: random.Random) -> bytes:
    """Lines, or halves, in another order."""
    lines = data.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


def _values(data: bytes, rng: random.Random) -> bytes:
    """A field of a JSON file of the wrong kind, missing, or given twice."""
    value = json.loads(data)
    for _ in range(rng.randrange(1, 3)):
        parent, key = rng.choice(list(_places(value)) or [(None, None)])
        if parent is None:
            continue
        odd = [None, True, -1, 0, 2**31, 2**63, 10**30, 1e308, "", "x", "../../x", [], {}, [[]], [parent[key]] * 3]
        if isinstance(parent, dict) and rng.random() < 0.25:
            del parent[key]
        elif isinstance(parent, list) and rng.random() < 0.25:
            parent.append(parent[key])
        else:
            parent[key] = rng.choice(odd)
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(items):
        yield value, key
        yield from _places(child)


def attempt(folder: Path, path: Path, name: str) -> str:
    """Import; whatever is wrong is said in an error with the file, or in the report.

    Raises:
        AssertionError: It is not.
    """
    document = opened(folder)
    before = document.revision
    try:
        report = import_into(document, path, name, silent())
    except CounterpartError as error:
        if isinstance(error, FormatError):
            assert error.path is not None, f"the file is not named: {error}"
            assert error.path.is_relative_to(path)
        assert document.revision == before, "a refused file changed the project"
        return "refused"
    assert json.dumps(report.as_dict(), allow_nan=False)
    return "imported in part" if report.skipped or report.lost else "imported"


def _limits() -> None:
    import resource  # not on Windows

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _hangs(_number: int, _frame: object) -> None:
    raise TimeoutError(f"it takes longer than {SECONDS} s")


def fuzz(folder: Path, name: str, count: int, seed: int) -> Counter[str]:
    """Spoil an export of a format `count` times and import it, each within a time limit."""
    source = folder / f"good{FORMATS[name].suffix}"
    export_project(sample_project(folder), name, source, ExportOptions(), silent())
    results: Counter[str] = Counter()
    signal.signal(signal.SIGALRM, _hangs)
    for number in range(count):
        rng = random.Random(f"{name} {seed} {number}")
        target = folder / f"spoilt{FORMATS[name].suffix}"
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        spoil(source, target, rng)
        signal.alarm(SECONDS)
        try:
            results[attempt(folder, target, name)] += 1
        except BaseException as error:
            error.add_note(f"{name}, seed {seed}, number {number}")
            raise
        finally:
            signal.alarm(0)
    return results


def run(folder: Path, count: int, seed: int = 0) -> dict[str, object]:
    """Fuzz every format in a process of its own, which a crash ends and a limit on memory holds.

    Raises:
        AssertionError: A process crashed, hung, took too much memory or met an error of ours.
    """
    total: Counter[str] = Counter()
    for name in READABLE:
        (folder / name).mkdir()
        script = (
            "import json; from pathlib import Path; from tests.soak.imports import fuzz;"
            f"print(json.dumps(fuzz(Path({str(folder / name)!r}), {name!r}, {count}, {seed})))"
        )
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", script],
            cwd=ROOT,
            capture_output=True,
            text=True,
            preexec_fn=_limits,  # one thread, and nothing but a limit is set
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
        assert done.returncode == 0, f"{name}: exit code {done.returncode}\n{done.stderr[-4000:]}"
        total.update(json.loads(done.stdout))
    return {"formats": len(READABLE), "files": count * len(READABLE), **dict(total)}
