"""How much of what is on images is a person's work, to say before it is taken away or handed on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from counterpart.core.project.model import ImageRecord
from counterpart.core.project.points import MatchState, Origin
from counterpart.core.project.view import ProjectView
from counterpart.core.wording import plural

_FEW = 16
"""So many images are looked at one by one; for more, the tables are read once."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a person made or confirmed on some images.

    Attributes:
        images: Images with any of it, or marked as edited or reviewed.
        masks: Parts of single images that are drawn or accepted.
        points: Keypoints that are placed or confirmed.
        matches: Correspondences that are accepted or rejected.
    """

    images: int
    masks: int
    points: int
    matches: int

    def words(self) -> str:
        """What it is: `5 masks, 34 points and 1 match`; empty where it is only the mark."""
        found = [(self.masks, ("mask",)), (self.points, ("point",)), (self.matches, ("match", "matches"))]
        words = [f"{number:,} {plural(number, *forms)}" for number, forms in found if number]
        return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def work_on(project: ProjectView, images: Collection[int]) -> Work:
    """What would be lost of a person's work with these images."""
    wanted = set(images)
    with_work = {image for image in wanted if project.image(image).state in ("edited", "reviewed")}
    masks = 0
    for (image, _), (state, pixels) in project.all_part_states().items():
        if image in wanted and pixels and state != "predicted":
            masks += 1
            with_work.add(image)
    points = 0
    pointed = {image for each in project.skeletons for image in project.images_with_keypoints(each.id)} & wanted
    for image in pointed:
        own = sum(int((each.present & (each.origin != Origin.TRANSFERRED)).sum()) for each in project.keypoints(image))
        points += own
        with_work |= {image} if own else set()
    matches = 0
    for pair in project.match_pairs():
        concerned = wanted.intersection(pair)
        found = project.matches(*pair) if concerned else None
        judged = 0 if found is None else int((found.state != MatchState.PROPOSED).sum())
        matches += judged
        with_work |= concerned if judged else set()
    return Work(len(with_work), masks, points, matches)


@dataclass(frozen=True, slots=True)
class Predictions:
    """How many of some images are only predicted.

    Attributes:
        predicted: Images that a program labelled and nobody has touched.
        looked_at: Images that are edited or reviewed.
    """

    predicted: int
    looked_at: int

    @property
    def total(self) -> int:
        """Images with labels of either kind."""
        return self.predicted + self.looked_at

    def words(self) -> str:
        """`27 of 30 images are predictions`; empty where none is."""
        if not self.predicted:
            return ""
        if self.total == 1:
            return "The image is a prediction"
        if not self.looked_at:
            return f"All {self.total:,} images are predictions"
        are = plural(self.predicted, "is a prediction", "are predictions")
        return f"{self.predicted:,} of {self.total:,} images {are}"


def predictions_among(records: Iterable[ImageRecord]) -> Predictions:
    """How many of these images are predictions, going by their state."""
    states = Counter(record.state for record in records)
    return Predictions(states["predicted"], states["edited"] + states["reviewed"])


def unlabelled(project: ProjectView, images: Sequence[int]) -> list[int]:
    """Those of the images that have no mask, no keypoint and no match, a program's counted too."""
    if len(images) < _FEW:
        return [image for image in images if not _labelled(project, image)]
    labelled = set(project.images_with_parts()) | {image for pair in project.match_pairs() for image in pair}
    for skeleton in project.skeletons:
        labelled.update(project.images_with_keypoints(skeleton.id))
    return [image for image in images if image not in labelled]


def _labelled(project: ProjectView, image: int) -> bool:
    return (
        any(pixels for _, pixels in project.part_states(image).values())
        or any(points.present.any() for points in project.keypoints(image))
        or any(len(found) for found in project.matches_of(image))
    )
