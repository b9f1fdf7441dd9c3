"""Finding the images that files, folders and patterns stand for, and what of a folder is left out."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from counterpart.core.errors import ImageError, UsageError
from counterpart.core.folders import Oddity, leads_up, special, walk_files
from counterpart.core.images.kinds import IMAGE_SUFFIXES
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.wording import counted, is_text, plural

_LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini", ".directory", "icon\r"})
"""What systems leave in folders of themselves; nobody misses it."""
_OWN = re.compile(r"(frames\.json|\.counterpart-.*|.*\.counterpart(-wal|-shm|-journal|\.lock)?)", re.IGNORECASE)
"""What this program puts beside images itself: projects with what belongs to them, notes on frames and on exports."""
_KINDS = 5
_SUFFIX = re.compile(r"\.[\w+~-]{1,12}")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a search passed over.

    Attributes:
        kinds: How many of each kind: a suffix, `pipe`, `hidden file`, …
        problems: Folders that cannot be read, and images that cannot be taken because of their names or of links that
            lead nowhere: one error each.
    """

    kinds: Mapping[str, int]
    problems: tuple[ImageError, ...] = ()

    @property
    def line(self) -> str:
        """`12 files left out: 8 .txt, 3 .mov, 1 pipe`; empty where nothing was."""
        total = sum(self.kinds.values())
        if not total:
            return ""
        named = {kind: count for kind, count in self.kinds.items() if kind != "other"}
        most = sorted(named.items(), key=lambda item: (-item[1], item[0]))
        most = most if len(most) <= _KINDS + 1 else most[:_KINDS]
        words = [f"{count} {kind if kind.startswith('.') else plural(count, kind)}" for kind, count in most]
        rest = total - sum(count for _, count in most)
        folders = self.kinds.get("hidden folder", 0)
        what = [counted(total - folders, "file")] if total > folders else []
        what += [counted(folders, "folder")] if folders else []
        return f"{' and '.join(what)} left out: {', '.join([*words, *([counted(rest, 'other')] if rest else [])])}"

    def tell(self, ctx: JobContext) -> None:
        """Have a job report it: the problems as failures, the rest in one line."""
        for problem in self.problems:
            ctx.fail(problem)
        if self.line:
            ctx.warn(self.line)


@dataclass(frozen=True, slots=True)
class Found:
    """The images that some inputs stand for, in natural order, and what is left out of them."""

    refs: list[ImageRef]
    left_out: LeftOut


def find_images(inputs: Sequence[str | Path], leave_out: Path | None = None) -> list[ImageRef]:
    """As `search_images`, for those who do not ask what is left out."""
    return search_images(inputs, leave_out).refs


def search_images(
    inputs: Sequence[str | Path], leave_out: Path | None = None, check: Callable[[], object] | None = None
) -> Found:
    """Expand files, folders (recursive) and glob patterns into images in natural order, each once.

    Hidden files and folders are left out, and what is no regular file, and names that are not text: they could be
    written into no project and no report. An image's name is its path relative to the folder it was found under, or
    its file name when it was given by itself; where two would be equal, the folders' own names are put in front.

    Args:
        inputs: Files, folders and patterns.
        leave_out: A folder of results. What lies in it is no image to work on, where a folder above it was given.
        check: Called before each folder; what it raises ends the search.

    Raises:
        UsageError: An input does not exist or is no file, or nothing was found.
    """
    from natsort import natsort_keygen, ns

    results = None if leave_out is None else Path(os.path.realpath(leave_out))
    search = _Search(check)
    for item in inputs:
        asked_for = results is not None and Path(os.path.realpath(item)).is_relative_to(results)
        search.take(item, None if asked_for else results)
    if not search.found:
        where = ", ".join(str(item) for item in inputs) or "nothing"
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        reasons = [*(str(problem) for problem in search.problems), *filter(None, [search.left_out.line])]
        raise UsageError(f"no images found in {where}", hint=". ".join([*reasons, f"Images end in {suffixes}"]))
    natural = natsort_keygen(alg=ns.IGNORECASE)
    refs = sorted(_named(list(search.found.values())), key=lambda ref: natural(ref.name))
    return Found(refs, search.left_out)


class _Search:
    """Collects the images of inputs, each real file once, and counts what is no image."""

    def __init__(self, check: Callable[[], object] | None) -> None:
        self.found: dict[str, tuple[Path, Path]] = {}
        self.problems: list[ImageError] = []
        self._kinds: Counter[str] = Counter()
        self._check = check
        self._passed: set[str] = set()

    @property
    def left_out(self) -> LeftOut:
        return LeftOut(dict(self._kinds), tuple(self.problems))

    def take(self, item: str | Path, results: Path | None) -> None:
        """Add what one input stands for."""
        path = Path(item)
        if os.path.isdir(path):  # noqa: PTH112  # pathlib raises for what cannot be looked at
            self._walk(path, path, results)
        elif os.path.isfile(path):  # noqa: PTH113
            self._add(path.parent, path, results)
        elif any(char in str(item) for char in "*?["):
            self._match(str(item), results)
        else:
            raise _no_input(path)

    def _walk(
        self, root: Path, folder: Path, results: Path | None, wanted: Callable[[Sequence[str]], bool] | None = None
    ) -> None:
        def concerns(path: Path) -> bool:
            return wanted is None or wanted(path.relative_to(folder).parts)

        def odd(path: Path, what: Oddity) -> None:
            if concerns(path):
                self._odd(path, what)

        for path in walk_files(folder, odd, check=self._check):
            if not concerns(path):
                continue
            if path.suffix.lower() in IMAGE_SUFFIXES:
                self._add(root, path, results)
            elif results is None or not _below(path, results):
                self._pass(path, path.suffix.lower() if _SUFFIX.fullmatch(path.suffix) else "other")

    def _match(self, pattern: str, results: Path | None) -> None:
        """Add what a pattern matches. `**` is done here: the library's goes round in circles of links."""
        fixed = re.split(r"[*?[]", pattern, maxsplit=1)[0]
        root = Path(os.path.dirname(fixed))  # noqa: PTH120  # of `a/b*` it is `a`, also where there is an `a/b`
        parts = Path(pattern).parts[len(root.parts) :]
        if "**" in parts:
            self._walk(root, root, results, lambda names: _matches(parts, names))
            return
        for match in map(Path, sorted(glob.glob(pattern))):  # noqa: PTH207 (absolute patterns)
            if match.is_dir():
                if not leads_up(match):
                    self._walk(root, match, results)
            elif match.suffix.lower() in IMAGE_SUFFIXES and match.is_file():
                self._add(root, match, results)

    def _add(self, root: Path, path: Path, results: Path | None) -> None:
        if results is not None and _below(path, results):
            return
        if not is_text(str(path)) and not is_text(_relative(path, root)):  # the folder's own name may be any
            self._problem(path, "the name is not text (it is in an unknown encoding)", "Rename it to use it")
            return
        self.found.setdefault(os.path.realpath(path), (root, path))

    def _odd(self, path: Path, what: Oddity) -> None:
        if what == "unreadable folder":
            self._problem(path, "the folder cannot be read", "Check its permissions")
        elif what == "broken link" and path.suffix.lower() in IMAGE_SUFFIXES:
            self._problem(path, "the link leads nowhere", "Remove it, or put the file back")
        elif path.name.lower() not in _LITTER and not path.name.startswith("._"):
            self._pass(path, what)

    def _problem(self, path: Path, what: str, hint: str) -> None:
        if str(path) not in self._passed:
            self._passed.add(str(path))
            self.problems.append(ImageError(what, path=path, hint=hint))

    def _pass(self, path: Path, kind: str) -> None:
        if str(path) not in self._passed and path.name.lower() not in _LITTER and not _OWN.fullmatch(path.name):
            self._passed.add(str(path))
            self._kinds[kind] += 1


def _no_input(path: Path) -> UsageError:
    try:
        what = special(path.stat().st_mode)
    except FileNotFoundError:
        return UsageError("no such file or folder", path=path, hint="Check the path")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        return UsageError(f"it cannot be looked at ({why})", path=path, hint="Check the path and its permissions")
    return UsageError(f"this is a {what or 'special file'}, not an image", path=path, hint="Give a file or a folder")


def _below(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(folder)


def _matches(parts: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a pattern matches a path, or a folder on the way to it, by their names; `**` stands for any folders."""
    if not parts:
        return True
    if parts[0] == "**":
        return any(_matches(parts[1:], names[start:]) for start in range(len(names) + 1))
    return bool(names) and fnmatch(names[0], parts[0]) and _matches(parts[1:], names[1:])


def _named(pairs: list[tuple[Path, Path]]) -> list[ImageRef]:
    names = [_relative(path, root) for root, path in pairs]
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    taken: set[str] = set()
    refs = []
    for (root, path), name in zip(pairs, names, strict=True):
        unique = name if counts[name] == 1 else f"{root.resolve().name}/{name}"
        number = 2
        while unique in taken:
            unique = f"{root.resolve().name}-{number}/{name}"
            number += 1
        taken.add(unique)
        refs.append(ImageRef(path, unique))
    return refs


def _relative(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.name
