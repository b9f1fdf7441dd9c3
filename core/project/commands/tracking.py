"""Taking over what was tracked through a video: masks, points and doubts as one step."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from counterpart.core.project.commands.base import Command
from counterpart.core.project.commands.masks import ReplaceMasks
from counterpart.core.project.commands.points import PredictKeypoints
from counterpart.core.project.edit import Edit


@dataclass(eq=False)
class TakeTrack(Command):
    """Masks and points of many frames. Each protects a person's work by itself; see there.

    Attributes:
        masks: New label maps; None for none.
        points: New keypoints; None for none.
        doubts: How doubtful each frame is, in [0, 1]; noted on the frames that take anything over.
        title: For the menu.
    """

    masks: ReplaceMasks | None
    points: PredictKeypoints | None
    doubts: Mapping[int, float]
    title: str = "Track"

    @property
    def text(self) -> str:
        return self.title

    def do(self, edit: Edit) -> None:
        for command in (self.masks, self.points):
            if command is not None:
                command.do(edit)
                self.outcome.changed += command.outcome.changed
                self.outcome.created += command.outcome.created
                self.outcome.skipped += command.outcome.skipped
        self.outcome.changed = list(dict.fromkeys(self.outcome.changed))
        self.outcome.skipped = list(dict.fromkeys(self.outcome.skipped))
        for image in self.outcome.changed:
            record = edit.image(image)
            if image in self.doubts and record.doubt != self.doubts[image]:
                edit.put_image(dataclasses.replace(record, doubt=self.doubts[image]))

    def release(self) -> None:
        for command in (self.masks, self.points):
            if command is not None:
                command.release()
