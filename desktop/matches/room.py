"""The room of matches: what corresponds in the two images side by side."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from counterpart.core.project.points import MatchState
from counterpart.desktop.matches.match_editor import MatchEditor
from counterpart.desktop.matches.matches_panel import MatchesPanel
from counterpart.desktop.shell.actions import Action
from counterpart.desktop.workbench import Workbench


class MatchesRoom(QObject):
    """Shows the matches of two images and has them judged.

    Attributes:
        panel: Their table.
        editor: Keeps lines, table and document in step.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench.window)
        self._bench = bench
        self.panel = MatchesPanel()
        self.editor = MatchEditor(bench, self.panel, self)
        bench.layout.add_tab(40, self.panel, "Matches")
        needs = bench.needs
        bench.actions.add(
            [
                Action(
                    "lock_match",
                    "&Lock match",
                    "Pairs",
                    keys=("L",),
                    icon="lock",
                    help="Keep the selected match when matches are found anew",
                    do=self.toggle_lock,
                    needs=(needs.pair,),
                    place=240,
                    menu="Images",
                ),
            ]
        )
        bench.session.closing.connect(self.pair_changed)
        bench.session.changes.matches.connect(self._matches_changed)
        bench.viewer.shown.connect(self._shown)
        bench.canvas.count_changed.connect(self.pair_changed)

    # What happens elsewhere ---------------------------------------------------------------------------------------

    @Slot(int, int)
    def _shown(self, _pane: int, _image: int) -> None:
        canvas, viewer = self._bench.canvas, self._bench.viewer
        if all(canvas.panes[side].image_key == viewer.image(side) for side in range(canvas.count)):
            self.pair_changed()

    @Slot()
    def pair_changed(self) -> None:
        """Other images are shown, or one alone."""
        self.editor.pair_changed()

    @Slot(object)
    def _matches_changed(self, pairs: tuple[tuple[int, int], ...]) -> None:
        if tuple(sorted(self.editor.pair)) in pairs:
            self.editor.refresh()

    # What the window asks for -------------------------------------------------------------------------------------

    def judge(self, state: MatchState) -> bool:
        """Accept or reject the match that is selected and go on to the next doubtful one; whether there was one."""
        return self.editor.judge(state)

    def delete_chosen(self) -> bool:
        """Remove the matches that are selected; whether there were any."""
        return self.editor.delete_chosen()

    @Slot()
    def toggle_lock(self) -> None:
        """Lock or unlock what is selected."""
        self.editor.toggle_lock()
