"""Takes the pictures of the user guide: the real window, on the sample photographs, with the default model.

    python -m docs.screenshots [--out DIR] [NAME ...]

Needs no display. Nothing of the person's own settings, projects or recent folders is read or shown. The pictures are
reduced to a palette, which keeps each well below 400 kB. Look at them before committing them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from counterpart.core.formats import ExportOptions, export_project
from counterpart.core.jobs import silent
from counterpart.core.project.commands import EditPart, SetMatchState, SetReviewState
from counterpart.core.project.points import MatchState
from counterpart.core.resources import resource_path
from counterpart.desktop.app import make_application
from counterpart.desktop.explore.explore_jobs import ViewKind
from counterpart.desktop.images.locate_dialog import LocateDialog
from counterpart.desktop.keypoints.instance_drawing import LEFT, MIDDLE, RIGHT
from counterpart.desktop.parts.statistics_dialog import StatisticsDialog
from counterpart.desktop.project.export_dialog import ExportDialog
from counterpart.desktop.project.import_dialog import ImportDialog
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.widgets.theme import apply_theme
from counterpart.desktop.window.main_window import MainWindow
from counterpart.desktop.window.preferences_dialog import PreferencesDialog
from docs.screenshots_points import take_points
from docs.screenshots_video import take_video

HERE = Path(__file__).resolve().parent
SIZE, SMALL = (1440, 900), (1180, 740)
COLOURS, FLAT, FLAT_PIXELS = 256, 96, 90
PATIENCE_S = 300.0
TITLE_PX = 32
MAIN, OTHER = "cow.jpg", "pig.jpg"


class Studio:
    """A window on copies of the sample photographs, and what is needed to bring it into a state worth a picture."""

    def __init__(self, application: QApplication, folder: Path, size: tuple[int, int] = SIZE) -> None:
        self.application = application
        self.photos = folder / "photos"
        self.photos.mkdir()
        for photo in sorted(resource_path("samples").glob("*.jpg")):
            shutil.copy(photo, self.photos)
        self.window = MainWindow(Settings(folder / "window.ini"))
        self.window.resize(*size)
        self.window.show()
        self.settle()

    # Time -------------------------------------------------------------------------------------------------------

    def settle(self, seconds: float = 0.3) -> None:
        """Let the window draw and load for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.application.processEvents()
            time.sleep(0.01)

    def wait(self, what: str, until: Callable[[], bool]) -> None:
        """Wait until something is so; give up, naming it, when it takes too long."""
        end = time.monotonic() + PATIENCE_S
        while not until():
            if time.monotonic() > end:
                raise SystemExit(f"gave up waiting for {what}")
            self.settle(0.05)
        self.settle()

    # States -----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the photographs, cow first."""
        self.window.bench.session.open_folder(self.photos)
        self.wait("the first image", lambda: self.window.bench.canvas.panes[0].photo is not None)

    def find_parts(self) -> None:
        """Run Parts with its defaults, as a person would who presses the button."""
        done: list[str] = []
        self.window.bench.jobs.ended.connect(lambda job, _outcome: done.append(job.kind))
        self.window.finding.panel.button.click()
        self.wait("the parts", lambda: bool(done))
        self.show(MAIN)
        self.settle(1.5)

    def image(self, name: str) -> int:
        """An image's number by its name."""
        document = self.window.bench.session.document
        assert document is not None
        record = document.find_image(name)
        assert record is not None, name
        return int(record.id)

    def show(self, name: str) -> None:
        """Show an image on the left."""
        self.window.images.panel.select(self.image(name))
        self.wait(name, lambda: self.window.bench.canvas.panes[0].image_key == self.image(name))

    def name_parts(self, name: str, words: dict[str, tuple[float, float]]) -> None:
        """Call the parts by what lies at places of one photograph, so that the pictures need no key."""
        document = self.window.bench.session.document
        assert document is not None
        found = document.label_map(self.image(name))
        assert found is not None
        named: set[int] = set()
        for word, (x, y) in words.items():
            part = int(found.labels[round(y * (found.labels.shape[0] - 1)), round(x * (found.labels.shape[1] - 1))])
            if part and part not in named:  # parts found with another precision lie otherwise
                named.add(part)
                self.window.bench.session.do(EditPart(part, name=word))
        self.settle()

    def pair(self) -> None:
        """Two images side by side, their correspondences found, two of them accepted."""
        window = self.window
        window.images.show_right(self.image(OTHER))
        self.wait("the matches", lambda: window.matches.editor.matches is not None and not window.bench.jobs.busy)
        matches = window.matches.editor.matches
        assert matches is not None
        best = np.argsort(-matches.score)[:2]
        left, right = window.matches.editor.pair
        window.bench.session.do(SetMatchState(left, right, [int(each) for each in best], MatchState.ACCEPTED))
        window.matches.panel.table.scrollToTop()
        self.settle(1.0)

    def pin(self, x: float, y: float) -> None:
        """Pin the similarity map of a place of the left image, given in shares of its width and height."""
        window = self.window
        window.bench.toolbox.choose("similarity")
        photo = window.bench.canvas.panes[0].photo
        assert photo is not None
        height, width = photo.hw
        at = QPointF(*window.bench.canvas.panes[0].view.to_widget((x * width, y * height)))
        self.mouse(QEvent.Type.MouseMove, at, Qt.MouseButton.NoButton)
        self.mouse(QEvent.Type.MouseButtonPress, at, Qt.MouseButton.LeftButton)
        self.mouse(QEvent.Type.MouseButtonRelease, at, Qt.MouseButton.LeftButton)
        self.wait("the similarity map", lambda: window.bench.canvas.panes[1].heat is not None)
        self.settle(2.0)

    def learn(self) -> None:
        """Two images reviewed, and what follows from them for the others."""
        window = self.window
        names = (MAIN, "horse.jpg")
        window.bench.session.do(SetReviewState([self.image(name) for name in names], "reviewed"))
        window.bench.layout.show_tab(window.learn.panel)
        window.learn.panel.button.click()
        self.wait("the update", lambda: window.learn.learner.learned is not None)
        self.show("ibex.jpg")
        self.settle(1.0)

    def explore(self, kind: ViewKind) -> None:
        """A view of the feature space."""
        window = self.window
        window.bench.toolbox.choose("select")
        window.images.set_paired(False)
        window.bench.layout.show_tab(window.explore.panel)
        window.explore.panel.choose_kind(kind)
        window.explore.panel.button.click()
        self.wait(kind, lambda: not window.bench.jobs.busy)
        self.settle(1.0)

    def points_of(self, left: float, top: float, right: float, bottom: float) -> None:
        """Mark a region of the image, given in shares of its width and height, for its points to light up."""
        photo = self.window.bench.canvas.panes[0].photo
        assert photo is not None
        height, width = photo.hw
        self.window.explore.explorer.region.marked.emit(0, left * width, top * height, right * width, bottom * height)
        self.settle()

    def correct(self, x: float, y: float) -> None:
        """Take the snapped brush, go closer, and point at a place given in shares of width and height."""
        window = self.window
        window.bench.layout.notice.hide()
        window.parts.panel.choose_row(0)
        window.bench.toolbox.choose("snap")
        self.wait("the regions", lambda: window.parts.regions.get(window.images.panel.current) is not None)
        self.wait("their features", lambda: "features and colour" in window.parts.options.hint.toolTip())
        photo = window.bench.canvas.panes[0].photo
        assert photo is not None
        height, width = photo.hw
        window.bench.canvas.zoom_in(2.2)
        window.bench.canvas.look_at(0, x * width, y * height)
        window.bench.actions["crosshair"].setChecked(True)
        at = QPointF(*window.bench.canvas.panes[0].view.to_widget((x * width, y * height)))
        self.mouse(QEvent.Type.MouseMove, at, Qt.MouseButton.NoButton)
        self.settle()

    def rest(self) -> None:
        """Put the tool down and see the whole image."""
        self.window.bench.actions["crosshair"].setChecked(False)
        self.window.bench.toolbox.choose("select")
        self.window.bench.canvas.fit()
        self.settle()

    def mouse(self, kind: QEvent.Type, at: QPointF, button: Qt.MouseButton) -> None:
        """Send a mouse event to the canvas."""
        canvas = self.window.bench.canvas
        held = button if kind == QEvent.Type.MouseButtonPress else Qt.MouseButton.NoButton
        event = QMouseEvent(kind, at, canvas.mapToGlobal(at), button, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(canvas, event)

    def dialog(self, action: str) -> QDialog:
        """The dialog that an action opens."""
        self.window.bench.actions[action].trigger()
        self.settle(0.6)
        return next(each for each in self.window.findChildren(QDialog) if each.isVisible())

    # Pictures ---------------------------------------------------------------------------------------------------

    def picture(self, dialog: QWidget | None = None) -> QPixmap:
        """What a person sees: the window, with a dialog over its middle where there is one."""
        self.settle()
        taken = self.window.grab()
        if dialog is not None:
            above = _framed(dialog)
            place = QPoint((taken.width() - above.width()) // 2, (taken.height() - above.height()) // 2)
            painter = QPainter(taken)
            painter.fillRect(taken.rect(), QColor(0, 0, 0, 90))
            painter.drawPixmap(place, above)
            painter.setPen(QColor(128, 128, 128, 160))
            painter.drawRect(place.x() - 1, place.y() - 1, above.width() + 1, above.height() + 1)
            painter.end()
        return taken


def _framed(dialog: QWidget) -> QPixmap:
    """A dialog below a bar with its title, which a desktop would draw."""
    inside = dialog.grab()
    framed = QPixmap(inside.width(), inside.height() + TITLE_PX)
    framed.fill(dialog.palette().window().color().lighter(140))
    painter = QPainter(framed)
    painter.setPen(dialog.palette().windowText().color())
    painter.drawText(0, 0, inside.width(), TITLE_PX, int(Qt.AlignmentFlag.AlignCenter), dialog.windowTitle())
    painter.drawPixmap(0, TITLE_PX, inside)
    painter.end()
    return framed


def save(taken: QPixmap, file: Path) -> None:
    """Write a picture as a PNG with a palette."""
    image = taken.toImage()
    image = image.convertToFormat(image.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    rgb = rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3)
    reduced = _reduced(np.ascontiguousarray(rgb))
    reduced.save(file, optimize=True)
    print(f"{file}  {file.stat().st_size // 1024} kB")


def _reduced(rgb: np.ndarray) -> Image.Image:
    """A picture with a palette: the flat colours of legend and text as they are, the rest for the photographs."""
    colours, inverse, counts = np.unique(rgb.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    flat = colours[np.argsort(-counts)][: min(FLAT, int((counts >= FLAT_PIXELS).sum()))]
    rest = Image.fromarray(rgb).quantize(COLOURS - 3 - len(flat), method=Image.Quantize.MEDIANCUT).getpalette() or []
    sides = np.array([each.getRgb()[:3] for each in (LEFT, RIGHT, MIDDLE)], np.uint8)
    palette = np.concatenate([sides, flat, np.array(rest, np.uint8).reshape(-1, 3)])[:COLOURS]
    # Pillow rounds colours before it looks them up, which gives flat areas a tint.
    nearest = [
        np.square(block[:, None, :].astype(np.int32) - palette.astype(np.int32)).sum(2).argmin(1)
        for block in np.array_split(colours, 1 + len(colours) // 8192)
    ]
    index = np.concatenate(nearest).astype(np.uint8)[inverse.reshape(rgb.shape[:2])]
    picture = Image.fromarray(index).convert("L")
    picture.putpalette(palette.reshape(-1).tolist())
    return picture


def shoot_dialogs(studio: Studio, shot: Callable[..., None]) -> None:
    """The dialogs about the project: settings, statistics, import."""
    settings = studio.dialog("settings")
    assert isinstance(settings, PreferencesDialog)
    settings.tabs.setCurrentIndex(3)
    settings.folder.setPlaceholderText("/home/me/.cache/counterpart")
    shot("settings", settings)
    settings.reject()
    studio.settle()
    document = studio.window.bench.session.document
    assert document is not None
    studio.window.images.set_state([studio.image("goat.jpg"), studio.image("horse.jpg")], "reviewed")
    counted = studio.dialog("statistics")
    assert isinstance(counted, StatisticsDialog)
    studio.wait("the statistics", lambda: counted.found is not None)
    shot("statistics", counted)
    counted.reject()
    studio.settle()
    file = studio.photos.parent / "masks.json"
    export_project(document, "coco", file, ExportOptions(), silent())
    importing = studio.dialog("import")
    assert isinstance(importing, ImportDialog)
    importing.source.setText(str(file))
    studio.wait("the preview", lambda: "images of the project" in importing.report.toPlainText())
    importing.source.blockSignals(True)
    importing.source.setText("/data/masks.json")
    shot("import", importing)
    importing.reject()
    studio.settle()


def shoot_relinking(studio: Studio, shot: Callable[..., None]) -> None:
    """Images that were moved, and the dialog that finds them."""
    window = studio.window
    document = window.bench.session.document
    assert document is not None
    window.images.set_paired(False)
    studio.wait("what identifies the images", lambda: all(record.sha256 for record in document.images()))
    elsewhere = studio.photos.parent / "elsewhere"
    elsewhere.mkdir()
    for name in ("horse.jpg", "ibex.jpg", "pig.jpg"):
        (studio.photos / name).rename(elsewhere / f"2024-{name}")
    window.images.missing.look()
    studio.wait("the missing images", lambda: len(window.images.missing.missing) == 3)
    finding = studio.dialog("relink")
    assert isinstance(finding, LocateDialog)
    finding.folder.setText(str(elsewhere))
    finding.look()
    studio.wait("the moved images", finding.go.isEnabled)
    finding.folder.setText("/data/elsewhere")
    shot("relink", finding)
    finding.reject()
    for file in elsewhere.iterdir():
        file.rename(studio.photos / file.name.removeprefix("2024-"))
    window.images.missing.look()
    studio.wait("the images to be back", lambda: not window.images.missing.missing)


def take(studio: Studio, out: Path, wanted: set[str], suffix: str = "") -> None:
    """Go through the program as the guide does, and take what is wanted."""

    def shot(name: str, dialog: QWidget | None = None) -> None:
        if not wanted or name in wanted:
            save(studio.picture(dialog), out / f"{name}{suffix}.png")

    window = studio.window
    shot("start")
    studio.open()
    studio.find_parts()
    places = {"body": (0.5, 0.45), "head": (0.17, 0.48), "legs": (0.4, 0.75), "hindquarters": (0.84, 0.57)}
    studio.name_parts(MAIN, places)
    shot("window")
    studio.correct(0.37, 0.56)
    shot("tools")
    studio.rest()
    window.bench.actions["theme"].trigger()
    studio.settle(1.0)
    shot("window-light")
    window.bench.actions["theme"].trigger()
    studio.settle(1.0)
    for action, name in (("export", "export"), ("shortcuts", "shortcuts")):
        dialog = studio.dialog(action)
        if isinstance(dialog, ExportDialog):
            dialog.format.setCurrentIndex(dialog.format.findData("coco"))
            dialog.target.setText("/data/photos-coco.json")
        shot(name, dialog)
        dialog.reject()
        studio.settle()
    studio.learn()
    shot("learn")
    window.learn.panel.auto.setChecked(False)
    window.learn.learner.drop()
    window.bench.actions["undo"].trigger()
    window.bench.layout.show_tab(window.parts.panel)
    studio.show(MAIN)
    shoot_dialogs(studio, shot)
    studio.pair()
    shot("pair")
    studio.pin(0.5, 0.4)
    shot("similarity")
    studio.explore("components")
    shot("explore")
    studio.explore("tsne")
    studio.points_of(0.13, 0.35, 0.3, 0.6)
    shot("tsne")
    shoot_relinking(studio, shot)
    take_video(studio, shot)
    take_points(studio, shot)


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description="Take the pictures of the user guide.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these (all)")
    parser.add_argument("--out", type=Path, default=HERE / "images")
    parser.add_argument("--scale", type=float, default=1.0, help="scale of the screen; pictures get the suffix -scaled")
    chosen = parser.parse_args()
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if chosen.scale != 1.0:
        os.environ["QT_SCALE_FACTOR"] = str(chosen.scale)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COUNTERPART_PROJECTS"] = str(Path(folder) / "projects")
        application = make_application(sys.argv[:1])
        apply_theme(application, "dark")
        studio = Studio(application, Path(folder), SIZE if chosen.scale == 1.0 else SMALL)
        try:
            take(studio, chosen.out, set(chosen.names), "" if chosen.scale == 1.0 else "-scaled")
        finally:
            studio.window.close()
            studio.window.shutdown()
    if not chosen.names and chosen.scale == 1.0:  # a screen's scale is settled when a program starts
        command = [sys.executable, "-m", "docs.screenshots", "--scale", "1.5", "--out", str(chosen.out), "window"]
        return subprocess.run(command, cwd=HERE.parent, check=False).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
