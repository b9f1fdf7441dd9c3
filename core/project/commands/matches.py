"""Commands on correspondences. Images may be named in either order; they are stored with the smaller id first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from counterpart.core.errors import UsageError
from counterpart.core.project.aside import refuse_aside, why_aside
from counterpart.core.project.commands.base import Command
from counterpart.core.project.commands.masks import store_provenance
from counterpart.core.project.edit import Edit
from counterpart.core.project.model import Provenance
from counterpart.core.project.points import MatchSet, MatchState
from counterpart.core.project.rows import match_row, match_set

SAME_PIXELS = 1.5
"""Two proposals whose ends are both nearer than this, in pixels, are the same line."""


def read_pair(edit: Edit, image_a: int, image_b: int) -> MatchSet | None:
    """The matches of two images, seen from `image_a`."""
    low, high = min(image_a, image_b), max(image_a, image_b)
    row = edit.get("matches", (low, high))
    if row is None:
        return None
    found = match_set((low, high), row)
    return found if image_a == low else found.swapped()


def _write_pair(edit: Edit, matches: MatchSet) -> None:
    if matches.image_a == matches.image_b:
        raise UsageError("an image cannot be matched with itself")
    stored = matches if matches.image_a < matches.image_b else matches.swapped()
    for image in (stored.image_a, stored.image_b):
        refuse_aside(edit, image)
    edit.put("matches", (stored.image_a, stored.image_b), match_row(stored) if len(stored) else None)


@dataclass(eq=False)
class ReplaceMatches(Command):
    """Take over proposed matches of pairs of images.

    Matches that were accepted, rejected or locked stay, and a proposal that says the same as one of them is dropped.
    Pairs that changed since the job began are left alone; their first image is named in `outcome.skipped`.

    Attributes:
        results: One set for each pair.
        revision: The document's revision that the job worked from; None to take any.
        provenance: Where the results come from.
    """

    results: Sequence[MatchSet]
    revision: int | None = None
    provenance: Provenance | None = None

    @property
    def text(self) -> str:
        return "Propose matches"

    def do(self, edit: Edit) -> None:
        number = None
        for new in self.results:
            if not (edit.has_image(new.image_a) and edit.has_image(new.image_b)):
                self.outcome.skipped.append((new.image_a, "an image is no longer in the project"))
                continue
            aside = why_aside(edit, new.image_a) or why_aside(edit, new.image_b)
            if aside:
                self.outcome.skipped.append((new.image_a, aside))
                continue
            old = read_pair(edit, new.image_a, new.image_b)
            if old is not None and any(
                edit.changed_since("matches", image, self.revision) for image in (new.image_a, new.image_b)
            ):
                self.outcome.skipped.append((new.image_a, "its matches were changed while the job was running"))
                continue
            if number is None:
                number = store_provenance(edit, self.provenance)
            kept = None if old is None else old.take((old.state != MatchState.PROPOSED) | old.locked)
            _write_pair(edit, dataclasses.replace(_joined(kept, _unlike(new, kept)), provenance=number))
            self.outcome.changed.append(new.image_a)

    def release(self) -> None:
        self.results = ()


def _unlike(new: MatchSet, kept: MatchSet | None) -> MatchSet:
    """The new matches that none of the kept ones says already."""
    if kept is None or not len(kept) or not len(new):
        return new
    apart_a = np.linalg.norm(new.xy_a[:, None] - kept.xy_a[None], axis=-1)
    apart_b = np.linalg.norm(new.xy_b[:, None] - kept.xy_b[None], axis=-1)
    return new.take(~((apart_a < SAME_PIXELS) & (apart_b < SAME_PIXELS)).any(axis=1))


def _joined(first: MatchSet | None, second: MatchSet) -> MatchSet:
    if first is None:
        return second
    return dataclasses.replace(
        second,
        xy_a=np.concatenate([first.xy_a, second.xy_a]),
        xy_b=np.concatenate([first.xy_b, second.xy_b]),
        score=np.concatenate([first.score, second.score]),
        cycle_error=np.concatenate([first.cycle_error, second.cycle_error]),
        state=np.concatenate([first.state, second.state]),
        locked=np.concatenate([first.locked, second.locked]),
    )


@dataclass(eq=False)
class _OnMatches(Command):
    """A change to some matches of a pair, by their indices."""

    image_a: int
    image_b: int
    indices: Sequence[int]

    def _change(self, edit: Edit, change: Callable[[MatchSet, np.ndarray], MatchSet]) -> None:
        matches = read_pair(edit, self.image_a, self.image_b)
        chosen = np.asarray(self.indices, np.int64)
        if matches is None or (chosen.size and not 0 <= int(chosen.min()) <= int(chosen.max()) < len(matches)):
            raise UsageError("there is no such match between these images", hint="It may have been deleted")
        _write_pair(edit, change(matches, chosen))
        self.outcome.changed.append(self.image_a)


@dataclass(eq=False)
class SetMatchState(_OnMatches):
    """Accept matches, reject them, or make them mere proposals again."""

    state: MatchState = MatchState.ACCEPTED

    @property
    def text(self) -> str:
        return {0: "Propose match again", 1: "Accept match", 2: "Reject match"}[int(self.state)]

    def do(self, edit: Edit) -> None:
        def change(matches: MatchSet, chosen: np.ndarray) -> MatchSet:
            state = matches.state.copy()
            state[chosen] = self.state
            return dataclasses.replace(matches, state=state)

        self._change(edit, change)


@dataclass(eq=False)
class LockMatches(_OnMatches):
    """Lock matches against being moved or replaced, or unlock them."""

    locked: bool = True

    @property
    def text(self) -> str:
        return "Lock match" if self.locked else "Unlock match"

    def do(self, edit: Edit) -> None:
        def change(matches: MatchSet, chosen: np.ndarray) -> MatchSet:
            locked = matches.locked.copy()
            locked[chosen] = self.locked
            return dataclasses.replace(matches, locked=locked)

        self._change(edit, change)


@dataclass(eq=False)
class DeleteMatches(_OnMatches):
    """Remove matches; locked ones refuse."""

    @property
    def text(self) -> str:
        return "Delete match"

    def do(self, edit: Edit) -> None:
        def change(matches: MatchSet, chosen: np.ndarray) -> MatchSet:
            _refuse_locked(matches, chosen)
            keep = np.ones(len(matches), np.bool_)
            keep[chosen] = False
            return matches.take(keep)

        self._change(edit, change)


@dataclass(eq=False)
class MoveMatchEnd(Command):
    """Move one end of a match. It becomes a person's: accepted, with score and cycle error as given or unknown.

    Attributes:
        image_a: First image of the pair as it is seen.
        image_b: Second image.
        index: Which match.
        end: `a` or `b`.
        xy: The new place in that image, pixels.
        score: Cosine similarity of the new pair of places, NaN if unknown.
    """

    image_a: int
    image_b: int
    index: int
    end: Literal["a", "b"]
    xy: tuple[float, float]
    score: float = float("nan")

    @property
    def text(self) -> str:
        return "Move match"

    def do(self, edit: Edit) -> None:
        matches = read_pair(edit, self.image_a, self.image_b)
        if matches is None or not 0 <= self.index < len(matches):
            raise UsageError("there is no such match between these images", hint="It may have been deleted")
        _refuse_locked(matches, np.array([self.index]))
        xy_a, xy_b = matches.xy_a.copy(), matches.xy_b.copy()
        score, cycle, state = matches.score.copy(), matches.cycle_error.copy(), matches.state.copy()
        (xy_a if self.end == "a" else xy_b)[self.index] = self.xy
        score[self.index] = self.score
        cycle[self.index], state[self.index] = np.nan, MatchState.ACCEPTED
        changed = dataclasses.replace(matches, xy_a=xy_a, xy_b=xy_b, score=score, cycle_error=cycle, state=state)
        _write_pair(edit, changed)
        self.outcome.changed.append(self.image_a)


@dataclass(eq=False)
class AddMatch(Command):
    """Add a match by hand; it is accepted, unless its other end was merely proposed."""

    image_a: int
    image_b: int
    xy_a: tuple[float, float]
    xy_b: tuple[float, float]
    score: float = float("nan")
    cycle_error: float = float("nan")
    state: MatchState = MatchState.ACCEPTED

    @property
    def text(self) -> str:
        return "Add match"

    def do(self, edit: Edit) -> None:
        new = MatchSet.make(
            self.image_a,
            self.image_b,
            [self.xy_a],
            [self.xy_b],
            [self.score],
            [self.cycle_error],
            self.state,
        )
        old = read_pair(edit, self.image_a, self.image_b)
        provenance = 0 if old is None else old.provenance
        _write_pair(edit, dataclasses.replace(_joined(old, new), provenance=provenance))
        self.outcome.changed.append(self.image_a)


def _refuse_locked(matches: MatchSet, chosen: np.ndarray) -> None:
    if matches.locked[chosen].any():
        raise UsageError("the match is locked", hint="Unlock it first")
