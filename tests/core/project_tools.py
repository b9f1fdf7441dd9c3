"""What the tests of the project share: small documents, random commands, and a way to compare bit by bit."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from counterpart.core.errors import UsageError
from counterpart.core.project import commands
from counterpart.core.project.aside import Replacement, aside_key
from counterpart.core.project.commands import AddImages, AddPart, AddSkeleton, Command, Compound, NewImage, SetSettings
from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from counterpart.core.project.model import Provenance
from counterpart.core.project.points import KeypointSet, MatchSet, MatchState, Origin, Skeleton
from counterpart.core.project.schema import TABLES
from counterpart.core.project.tiles import pack_labels

HW = (300, 270)
"""Two by two tiles, three of them cut off."""


def new_images(folder: Path, count: int, hw=HW) -> list[NewImage]:
    return [
        NewImage(folder / f"img{number}.jpg", f"img{number}.jpg", width=hw[1], height=hw[0])
        for number in range(1, count + 1)
    ]


def filled(document: Document, folder: Path, images: int = 3, parts: int = 3) -> Document:
    """Images 1.., parts 1.. named `part 1`.., and skeleton 1 with three keypoints."""
    document.apply(AddImages(new_images(folder, images)))
    for number in range(1, parts + 1):
        document.apply(AddPart(f"part {number}"))
    document.apply(AddSkeleton(Skeleton(("nose", "left ear", "right ear"), ((0, 1), (0, 2)), (), ((1, 2),), "dog")))
    return document


def everything(document: Document) -> dict:
    """All rows, without the identifiers given so far: those never go back."""
    return {name: document._store.all(name) for name in TABLES if name != "counters"}


def box_mask(height: int, width: int) -> np.ndarray:
    return np.ones((height, width), np.bool_)


@dataclass
class Situation:
    """What a random command may draw on."""

    document: Document
    rng: np.random.Generator
    folder: Path

    @property
    def images(self) -> list[int]:
        return list(self.document.image_ids)

    @property
    def parts(self) -> list[int]:
        return [part.id for part in self.document.parts]

    @property
    def image(self) -> int:
        return int(self.rng.choice(self.images))

    @property
    def part(self) -> int:
        return int(self.rng.choice(self.parts))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)


def _add_images(s: Situation) -> Command:
    return AddImages(new_images(s.folder / str(s.rng.integers(0, 50)), int(s.rng.integers(1, 3))))


def _add_part(s: Situation) -> Command:
    return AddPart(f"p{s.rng.integers(0, 10**9)}")


def _paint(s: Situation) -> Command:
    top, left = s.rng.integers(-20, HW[0]), s.rng.integers(-20, HW[1])
    height, width = s.rng.integers(1, 150, 2)
    mask = s.rng.random((height, width)) > s.rng.random()
    return commands.Paint(s.image, 0 if s.chance(0.2) else s.part, (top, left, top + height, left + width), mask)


def _set_labels(s: Situation) -> Command:
    values = s.rng.choice([0, *s.parts], (60, 60)).astype(np.uint16)
    top = int(s.rng.integers(0, 200))
    return commands.SetLabels(s.image, (top, top, top + 60, top + 60), values)


def _replace_masks(s: Situation) -> commands.ReplaceMasks:
    chosen = s.rng.choice(s.images, min(2, len(s.images)), replace=False)
    block = np.ones((50, 45), np.uint16)
    results = {int(image): np.kron(s.rng.choice([0, *s.parts], (6, 6)), block) for image in chosen}
    return commands.ReplaceMasks(results, overwrite=s.chance(0.2), provenance=Provenance("parts"))


def _take_replacement(s: Situation) -> Command:
    """A photograph of another size comes, and its labels are scaled or given up; twice is there and back."""
    image = s.image
    hw = s.document.image(image).hw
    now = Replacement(2 * HW[0], 2 * HW[1]) if hw == HW else Replacement(*HW)
    replaced = SetSettings({aside_key(image): dataclasses.asdict(now)})
    return Compound("replaced", [replaced, commands.TakeReplacements([image], scale=s.chance(0.8))])


def _review(s: Situation) -> Command:
    states = ("todo", "predicted", "edited", "reviewed", "skipped")
    return commands.SetReviewState([s.image], states[int(s.rng.integers(0, 5))])


def _change_skeleton(s: Situation) -> Command:
    points = s.rng.permutation(6)[: s.rng.integers(1, 6)]
    names = tuple(f"k{point}" for point in points)
    return commands.ChangeSkeleton(
        Skeleton(names, name="dog", id=1, point_ids=tuple(int(point) + 1 for point in points))
    )


def _points(s: Situation, origin: Origin) -> KeypointSet:
    count = len(s.document.skeleton(1))
    return KeypointSet.make(s.rng.random((count, 2)) * 100, origin=origin, score=s.rng.random(count))


def _move_keypoint(s: Situation) -> Command:
    there = s.document.keypoints(s.image)
    if not there:
        return _add_part(s)
    return commands.MoveKeypoint(there[0].instance, 0, (float(s.rng.random()), float(s.rng.random())))


def _matches(s: Situation) -> Command:
    return commands.ReplaceMatches(
        [MatchSet.make(s.image, s.image, s.rng.random((5, 2)) * 90, s.rng.random((5, 2)) * 90)]
    )


def _instance(s: Situation, make: Callable[[KeypointSet], Command]) -> Command:
    """A command on an instance, where there is one."""
    there = [points for image in s.images for points in s.document.keypoints(image)]
    return make(there[int(s.rng.integers(0, len(there)))]) if there else _add_part(s)


def _pair(s: Situation, make: Callable[[int, int], Command]) -> Command:
    """A command on a pair of images that has matches, where there is one."""
    pairs = s.document.match_pairs()
    return make(*pairs[int(s.rng.integers(0, len(pairs)))]) if pairs else _matches(s)


def _xy(s: Situation) -> tuple[float, float]:
    x, y = (s.rng.random(2) * 90).tolist()
    return x, y


def _predict_keypoints(s: Situation) -> commands.PredictKeypoints:
    return commands.PredictKeypoints({s.image: [_points(s, Origin.TRANSFERRED)]})


def _confirm_keypoints(s: Situation) -> Command:
    """Confirm an instance that a transfer has placed, where there is one."""
    found = [
        points.instance
        for image in s.images
        for points in s.document.keypoints(image)
        if (points.origin == Origin.TRANSFERRED).any()
    ]
    return commands.ConfirmKeypoints([int(s.rng.choice(found))]) if found else _predict_keypoints(s)


def _set_keypoints(s: Situation) -> Command:
    def turned(points: KeypointSet) -> Command:
        return commands.SetKeypoints(dataclasses.replace(points, xy=points.xy + s.rng.random(2)))

    return _instance(s, turned)


def _remove_skeleton(s: Situation) -> Command:
    others = [skeleton.id for skeleton in s.document.skeletons if skeleton.id != 1]  # the others draw on the first
    return commands.RemoveSkeleton(int(s.rng.choice(others))) if others else _add_skeleton(s)


def _add_skeleton(s: Situation) -> Command:
    return AddSkeleton(Skeleton(("a", "b"), ((0, 1),), name=f"s{s.rng.integers(0, 10**9)}"))


def _split_part(s: Situation) -> Command:
    labels = s.document.label_map(s.image)
    hw = labels.hw if labels is not None else (8, 8)
    return commands.SplitPart(s.part, {s.image: pack_labels(s.rng.integers(0, 3, hw).astype(np.uint8))})


_COMMANDS: list[Callable[[Situation], Command]] = [
    _add_images,
    *[_add_part] * 2,
    *[_paint] * 4,
    _set_labels,
    *[_replace_masks] * 2,
    lambda s: commands.AcceptPredictions([s.image]),
    _review,
    _take_replacement,
    lambda s: commands.MergeParts([s.part], s.part),
    lambda s: commands.DeleteParts([s.part]),
    _split_part,
    lambda s: commands.EditPart(s.part, locked=s.chance(0.3), name=f"e{s.rng.integers(0, 10**9)}"),
    lambda s: commands.ReorderParts(s.rng.permutation(s.parts).tolist()),
    lambda s: commands.RemoveImages([s.image]),
    lambda s: commands.ClearLabels([s.image]),
    lambda s: SetSettings({str(s.rng.integers(0, 3)): None if s.chance(0.5) else float(s.rng.random())}),
    lambda s: commands.AddInstance(s.image, _points(s, Origin.USER)),
    _change_skeleton,
    _predict_keypoints,
    lambda s: commands.TakeTrack(_replace_masks(s), _predict_keypoints(s), {s.image: float(s.rng.random())}),
    _move_keypoint,
    _matches,
    lambda s: _pair(s, lambda a, b: commands.SetMatchState(a, b, [0], MatchState(int(s.rng.integers(0, 3))))),
    lambda s: _pair(s, lambda a, b: commands.LockMatches(a, b, [0], s.chance(0.5))),
    lambda s: _pair(s, lambda a, b: commands.DeleteMatches(a, b, [0])),
    lambda s: _pair(s, lambda a, b: commands.MoveMatchEnd(a, b, 0, "b" if s.chance(0.5) else "a", _xy(s))),
    lambda s: commands.AddMatch(s.image, s.image, _xy(s), _xy(s)),
    lambda s: commands.RelinkImages({s.image: s.folder / f"moved{s.rng.integers(0, 9)}" / "there.jpg"}),
    _set_keypoints,
    lambda s: _instance(s, lambda points: commands.SetVisibility(points.instance, 0, int(s.rng.integers(0, 3)))),
    lambda s: _instance(s, lambda points: commands.MarkTemplates([points.instance], not points.template)),
    _confirm_keypoints,
    lambda s: _instance(s, lambda points: commands.RemoveInstances([points.instance])),
    lambda s: _instance(s, lambda points: commands.ClearKeypoints(points.instance, [0])),
    lambda s: _instance(s, lambda points: commands.SwapKeypoints(points.instance, [(0, len(points) - 1)])),
    _add_skeleton,
    _remove_skeleton,
]


def random_commands(document: Document, rng: np.random.Generator, folder: Path) -> Iterator[Command]:
    """Commands with inputs that mostly make sense, without end: in each round every kind, in another order."""
    situation = Situation(document, rng, folder)
    while True:
        for choice in rng.permutation(len(_COMMANDS)):
            if not situation.images:
                yield _add_images(situation)
            elif not situation.parts:
                yield _add_part(situation)
            else:
                yield _COMMANDS[choice](situation)


def play(
    document: Document,
    seed: int,
    count: int,
    folder: Path,
    shown: Callable[[int], None] | None = None,
    history: History | None = None,
) -> History:
    """Push random commands, now and then undoing and redoing some. `shown` hears of each step once it is saved."""
    rng = np.random.default_rng(seed)
    history = history or History(document)
    commands_to_come = random_commands(document, rng, folder)
    for step in range(count):
        if rng.random() < 0.15:
            for _ in range(rng.integers(1, 4)):
                history.undo()
            for _ in range(rng.integers(0, 4)):
                history.redo()
        command = next(commands_to_come)
        if rng.random() < 0.1:
            command = Compound("two", [command, AddPart(f"c{rng.integers(0, 10**9)}")])
        try:
            history.push(command)
        except UsageError:
            continue
        if shown is not None and document.saved.saved:
            shown(step)
    return history
