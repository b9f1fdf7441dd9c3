"""Enter, Escape, Delete and Backspace: what they mean depends on what a person is at, so rooms are asked in turn.

What is begun on the canvas comes before all of them: the actions say so by `during`.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from counterpart.core.project.points import MatchState
from counterpart.desktop.explore.room import ExploreRoom
from counterpart.desktop.images.room import ImagesRoom
from counterpart.desktop.keypoints.room import KeypointsRoom
from counterpart.desktop.matches.room import MatchesRoom
from counterpart.desktop.parts.room import PartsRoom
from counterpart.desktop.shell.actions import Action
from counterpart.desktop.workbench import Workbench


class Judging(QObject):
    """Passes the keys that judge to the room that they are meant for."""

    def __init__(
        self,
        bench: Workbench,
        images: ImagesRoom,
        parts: PartsRoom,
        matches: MatchesRoom,
        keypoints: KeypointsRoom,
        explore: ExploreRoom,
    ) -> None:
        super().__init__(bench.window)
        self._bench, self._images, self._parts = bench, images, parts
        self._matches, self._keypoints, self._explore = matches, keypoints, explore

    def actions(self) -> list[Action]:
        """The actions of the four keys."""
        needs = self._bench.needs
        # fmt: off
        return [
            Action("accept", "&Accept", "Images", keys=("Return", "Enter"), icon="reviewed",
                   help="Mark the image as reviewed, or accept the selected match", do=self.accept, needs=needs.change,
                   during="close", place=110, bar=240),
            Action("reject", "&Reject or cancel", "Images", keys=("Esc",),
                   help="Cancel what was begun, or reject the selected match", do=self.reject, during="give_up",
                   place=120),
            Action("take_back", "Take the last corner &back", "Tools", keys=("Backspace",), do=self.take_back,
                   needs=(needs.project,), during="take_back", place=340, repeat=True),
            Action("delete_point", "&Delete keypoint or match", "Keypoints", keys=("Del",),
                   help="Take what is chosen away", do=self.delete, needs=needs.change, during="nothing", place=30),
        ]
        # fmt: on

    @Slot()
    def accept(self) -> None:
        """Accept the point, the match or the image that is looked at."""
        if self._keypoints.checks.accept() or self._matches.editor.judge(MatchState.ACCEPTED):
            return
        image = self._bench.images.current
        if image:
            self._images.questions.review([image], lambda: self._review(image))

    def _review(self, image: int) -> None:
        if self._keypoints.editor.review(image):
            self._images.step_todo(1)

    @Slot()
    def reject(self) -> None:
        """Give up the pinned place, else reject the match, else put the tool away."""
        if self._parts.boundary.cancel():
            return
        if self._explore.probe.pinned:
            self._explore.probe.unpin()
        elif not self._matches.editor.judge(MatchState.REJECTED):
            self._bench.toolbox.choose("select")

    @Slot()
    def take_back(self) -> None:
        """Take the last point back."""
        if self._bench.toolbox.active == "keypoint":
            self._keypoints.editor.take_back()

    @Slot()
    def delete(self) -> None:
        """Take away the point that is chosen, else the matches."""
        if not self._keypoints.editor.delete():
            self._matches.editor.delete_chosen()
