"""Random hands at the real window: all buttons, double clicks, wheel, keys, and changes of focus, image and tool in the
middle of gestures.

After some events everything is let go and looked at: nothing was raised or warned of, what is in memory is in the file,
what is seen is what is in memory, undoing everything gives the start and doing it again the end. While a button is down
for a gesture no key takes a step of the history back.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from counterpart.core.images.reading import read_image
from counterpart.core.project.commands import (
    AddImages,
    AddMatch,
    AddPart,
    AddSkeleton,
    Compound,
    NewImage,
    Paint,
    RemoveImages,
    ReplaceMasks,
    ReplaceMatches,
    SetLabels,
)
from counterpart.core.project.document import Document
from counterpart.core.project.points import Skeleton
from tests.core.project_tools import everything
from tests.desktop.conftest import picture

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QElapsedTimer, QEvent, QPoint, QPointF, Qt, qInstallMessageHandler
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

NOT_UNDONE = {"settings", "counters"}
"""Tables of what is merely learnt: the image that was shown last."""
BUTTONS = (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton)
PLAIN, CONTROL, SHIFT, ALT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
K = Qt.Key
TOOLS = (
    *("brush", "eraser", "snap", "rectangle", "lasso", "polygon", "fill", "wand"),
    *("pick", "keypoint", "similarity", "select"),
)
GESTURE_KEYS = (
    (K.Key_Z, CONTROL),
    (K.Key_Y, CONTROL),
    (K.Key_Z, CONTROL | SHIFT),
    (K.Key_Delete, PLAIN),
    (K.Key_Return, PLAIN),
    (K.Key_Escape, PLAIN),
    (K.Key_Backspace, PLAIN),
    *((K(K.Key_1 + number), PLAIN) for number in range(9)),
)
OTHER_KEYS = (
    *((key, PLAIN) for key in (K.Key_D, K.Key_A, K.Key_PageDown, K.Key_PageUp, K.Key_F, K.Key_H, K.Key_O, K.Key_V)),
    *((key, PLAIN) for key in (K.Key_X, K.Key_L, K.Key_N, K.Key_C, K.Key_BracketLeft, K.Key_BracketRight, K.Key_T)),
    *((key, PLAIN) for key in (K.Key_B, K.Key_E, K.Key_R, K.Key_Q, K.Key_P, K.Key_G, K.Key_W, K.Key_I, K.Key_S)),
    *((key, PLAIN) for key in (K.Key_K, K.Key_M, K.Key_Tab, K.Key_Left, K.Key_Right, K.Key_Up, K.Key_Down)),
    *((key, CONTROL) for key in (K.Key_1, K.Key_2, K.Key_0, K.Key_C, K.Key_V, K.Key_Return, K.Key_Plus, K.Key_Minus)),
    *((key, CONTROL) for key in (K.Key_BracketLeft, K.Key_BracketRight, K.Key_Apostrophe)),
    *((key, SHIFT) for key in (K.Key_D, K.Key_A, K.Key_M, K.Key_P, K.Key_N, K.Key_X, K.Key_B, K.Key_L)),
    (K.Key_F1, PLAIN),
    (K.Key_T, CONTROL),
)
"""Keys of the window; those that open files or end the program are not among them."""


class TroubleError(AssertionError):
    """Something is not as it must be, after the events that are named."""


def project(folder: Path, images: int = 4) -> Path:
    """A project of small images, one of another size, with parts, a skeleton and something painted."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    new = []
    for number in range(1, images + 1):
        file = photos / f"img{number}.png"
        Image.fromarray(picture(number, (90, 120) if number % 3 else (100, 80))).save(file)
        data = read_image(file)
        height, width = data.rgb.shape[:2]
        new.append(NewImage(file, file.name, sha256=data.sha256, width=width, height=height))
    with Document.new(folder / "hands.counterpart") as document:
        document.apply(AddImages(new))
        for name in ("wing", "beak", "tail"):
            document.apply(AddPart(name))
        document.apply(AddSkeleton(Skeleton(("eye", "beak", "tail"), ((0, 1), (1, 2)), (), (), "bird")))
        first, part = document.image_ids[0], document.parts[0].id
        document.apply(Paint(first, part, (10, 10, 40, 50), np.ones((30, 40), np.bool_)))
        return document.path or folder


def make_window(folder: Path) -> Any:
    """A main window with a fake backbone, its settings in a folder."""
    from counterpart.desktop.shell.settings import Settings
    from counterpart.desktop.window.main_window import MainWindow
    from tests.desktop.fakes import FAKE_MODELS, FAKE_TASKS, FakeBackend, FakeJobs, fake_preview

    jobs = FakeJobs()
    window = MainWindow(
        Settings(folder / "window.ini"),
        make_backend=FakeBackend,
        tasks=FAKE_TASKS,
        jobs={"parts": jobs.make, "object": jobs.make},
        previews={"parts": fake_preview},
        models=lambda: list(FAKE_MODELS),
    )
    window.resize(1200, 760)
    window.show()
    return window


def wait(holds: Callable[[], bool], what: str, limit_ms: int = 60_000) -> None:
    """Let events act until something holds."""
    clock = QElapsedTimer()
    clock.start()
    while not holds():
        QApplication.processEvents()
        QTest.qWait(1)
        if clock.elapsed() > limit_ms:
            raise TroubleError(f"waited in vain: {what}")


@contextmanager
def watched(found: list[str]) -> Iterator[None]:
    """Note what is raised in slots and threads, and what Qt warns of."""
    hooks = sys.excepthook, threading.excepthook

    def raised(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        import traceback

        found.append("".join(traceback.format_exception(kind, error, trace)))

    def warned(kind: Any, _context: Any, text: str) -> None:
        if "offscreen" not in text and "does not support" not in text and "outside target window" not in text:
            found.append(f"{kind.name}: {text}")

    sys.excepthook = raised
    threading.excepthook = lambda args: raised(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
    before = qInstallMessageHandler(warned)
    try:
        yield
    finally:
        qInstallMessageHandler(before)
        sys.excepthook, threading.excepthook = hooks


class Hands:
    """One person at a window, at random.

    Args:
        window: A main window with a project open.
        seed: Of everything that is done.
    """

    def __init__(self, window: Any, seed: int) -> None:
        self.window, self.bench = window, window.bench
        self.canvas = window.bench.canvas
        self.rng = np.random.default_rng(seed)
        self.done: deque[str] = deque(maxlen=40)
        self.kinds: Counter[str] = Counter()
        self.down: set[Qt.MouseButton] = set()
        self.at = self.place()
        self.elsewhere = QWidget()
        self.elsewhere.resize(50, 50)
        self._space = False

    # Where and what -------------------------------------------------------------------------------------------------

    def place(self) -> QPoint:
        """A place on the canvas, most often on an image; now and then beside it or where a gesture just was."""
        pane = self.canvas.panes[int(self.rng.integers(self.canvas.count))]
        rect = pane.view.visible_rect() if self.rng.random() < 0.9 else self.canvas.rect()
        x = rect.x() + self.rng.random() * max(rect.width() - 1, 1)
        y = rect.y() + self.rng.random() * max(rect.height() - 1, 1)
        return QPoint(int(x), int(y))

    def spot(self) -> QPoint:
        """A place for a press: anywhere, where the pointer is, or on an end of a line or a keypoint."""
        choice = self.rng.random()
        if choice < 0.35:
            return self.at
        lines = self.canvas.lines
        if choice < 0.5 and lines is not None and len(lines) and self.canvas.count == 2:
            side = int(self.rng.integers(2))
            xy = (lines.xy_a, lines.xy_b)[side][int(self.rng.integers(len(lines)))]
            return QPointF(*self.canvas.panes[side].view.to_widget(xy)).toPoint()
        drawn = self.window.keypoints.view.layer.drawn(0)
        if choice < 0.6 and drawn:
            points = drawn[int(self.rng.integers(len(drawn)))].points
            placed = points.xy[points.present]
            if len(placed):
                xy = placed[int(self.rng.integers(len(placed)))]
                return QPointF(*self.canvas.panes[0].view.to_widget(xy)).toPoint()
        return self.place()

    def near(self) -> QPoint:
        """A place not far from the last one, perhaps outside the canvas."""
        step = self.rng.normal(0, 40, 2)
        return self.at + QPoint(int(step[0]), int(step[1]))

    def held_keys(self) -> Qt.KeyboardModifier:
        """Modifier keys, most often none."""
        choice = self.rng.random()
        return PLAIN if choice < 0.75 else CONTROL if choice < 0.85 else SHIFT if choice < 0.93 else ALT

    @property
    def handle(self) -> Any:
        """The window's own handle: what is sent to it goes the way of a real event."""
        return self.window.windowHandle()

    def in_window(self, place: QPoint) -> QPoint:
        return self.canvas.mapTo(self.window, place)

    # Events ---------------------------------------------------------------------------------------------------------

    def press(self) -> None:
        button = BUTTONS[int(self.rng.choice(3, p=(0.8, 0.1, 0.1)))]
        self.at = self.spot()
        self.down.add(button)
        QTest.mousePress(self.handle, button, self.held_keys(), self.in_window(self.at))

    def move(self) -> None:
        self.at = self.near() if self.rng.random() < 0.8 else self.place()
        QTest.mouseMove(self.handle, self.in_window(self.at))

    def release(self) -> None:
        if self.down:
            button = sorted(self.down, key=lambda each: each.value)[int(self.rng.integers(len(self.down)))]
            self.down.discard(button)
            QTest.mouseRelease(self.handle, button, self.held_keys(), self.in_window(self.at))

    def click(self) -> None:
        """Some clicks at a place, two of them perhaps quick ones."""
        self.at, held = self.spot(), self.held_keys()
        button = BUTTONS[int(self.rng.choice(3, p=(0.8, 0.1, 0.1)))]
        if self.rng.random() < 0.4:
            QTest.mouseDClick(self.handle, button, held, self.in_window(self.at))
        for _ in range(int(self.rng.integers(1, 3))):
            QTest.mousePress(self.handle, button, held, self.in_window(self.at))
            QTest.mouseRelease(self.handle, button, held, self.in_window(self.at))
        self.down.discard(button)

    def double(self) -> None:
        """The second press as Qt tells it, to the canvas itself."""
        self.send(QEvent.Type.MouseButtonDblClick, Qt.MouseButton.LeftButton, Qt.MouseButton.LeftButton)
        self.send(QEvent.Type.MouseButtonRelease, Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton)

    def unseen_release(self) -> None:
        """The buttons went up where nobody told the window."""
        if self.down:
            for button in tuple(self.down):
                QTest.mouseRelease(self.elsewhere, button)
            self.down.clear()
            self.send(QEvent.Type.MouseMove, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton)

    def send(self, kind: QEvent.Type, button: Qt.MouseButton, buttons: Qt.MouseButton) -> None:
        at = QPointF(self.at)
        event = QMouseEvent(kind, at, self.canvas.mapToGlobal(at), button, buttons, self.held_keys())
        QApplication.sendEvent(self.canvas, event)

    def wheel(self) -> None:
        at, turn = QPointF(self.at), QPoint(0, int(self.rng.choice((-120, 120, 240))))
        event = QWheelEvent(
            at, self.canvas.mapToGlobal(at), QPoint(), turn, Qt.MouseButton.NoButton, self.held_keys(),
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(self.canvas, event)

    def gesture_key(self) -> None:
        self.key(*GESTURE_KEYS[int(self.rng.integers(len(GESTURE_KEYS)))])

    def other_key(self) -> None:
        self.key(*OTHER_KEYS[int(self.rng.integers(len(OTHER_KEYS)))])

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier) -> None:
        """Press a key; while something is begun and no list has the keyboard, those of gestures change nothing else."""
        state, before = self.canvas.hands.state, self.steps()
        last = self.bench.session.history.last
        begun = (state.phase.name != "IDLE" or state.held is not None) and (key, modifiers) in GESTURE_KEYS
        begun = begun and QApplication.focusWidget() in (self.canvas, None)
        QTest.keyClick(self.handle, key, modifiers)
        now = self.bench.session.history.last
        if not begun or now is last:
            return
        parts = now.commands if isinstance(now, Compound) else (now,)
        landed = isinstance(parts[0], ReplaceMasks | ReplaceMatches | AddMatch) or now.text.startswith("Refine")
        closes = (key == K.Key_Return and state.phase.name == "OPEN") or state.phase.name == "SETTLING"
        closed = closes and isinstance(now, Paint | SetLabels)
        if self.steps() < before or not (landed or closed):
            raise TroubleError(f"{key.name} while something was begun: {self.bench.session.history.undo_text!r}")

    def working(self) -> bool:
        """Whether something is being computed, whose outcome may arrive at any time."""
        return any(runner.busy or _asked(runner) for runner in (self.bench.jobs, self.bench.side_jobs))

    def space(self) -> None:
        self._space = not self._space
        (QTest.keyPress if self._space else QTest.keyRelease)(self.handle, K.Key_Space)

    def tool(self) -> None:
        self.bench.toolbox.choose(str(self.rng.choice(TOOLS)))

    def image(self) -> None:
        shown = self.bench.images.model.shown
        if shown:
            self.bench.images.select(int(self.rng.choice(list(shown))))

    def panes(self) -> None:
        self.window.images.set_paired(bool(self.rng.random() < 0.5) and len(self.bench.images.model.shown) > 1)

    def focus(self) -> None:
        """To another window and back, or about in this one."""
        choice = self.rng.random()
        if choice < 0.5:
            self.elsewhere.show()
            self.elsewhere.activateWindow()
            QApplication.processEvents()
            self.elsewhere.hide()
            self.window.activateWindow()
        elif choice < 0.75:
            self.window.parts.panel.table.setFocus()
        else:
            self.canvas.setFocus()

    def resize(self) -> None:
        self.window.resize(1200 + int(self.rng.integers(-200, 200)), 760 + int(self.rng.integers(-100, 100)))

    def panel(self) -> None:
        """What panels ask for without an action: parts and images come and go, a message's button is pressed."""
        document, commands = self.bench.document, self.window.parts.commands
        parts = [part.id for part in document.parts]
        choice = self.rng.random()
        if choice < 0.3 or len(parts) < 3:
            self.window.parts.panel.add.emit()
        elif choice < 0.45:
            self.window.parts.panel.delete.emit([int(self.rng.choice(parts))])
        elif choice < 0.55:
            pair = [int(part) for part in self.rng.choice(parts, 2, replace=False)]
            self.window.parts.panel.merge.emit(pair)
        elif choice < 0.7 and len(document) > 2:
            image = int(self.rng.choice(list(document.image_ids)))
            if self.rng.random() < 0.5:
                self.bench.session.do(RemoveImages([image]))
            else:
                self.window.images.questions.remove([image])
        elif choice < 0.85:
            button = self.bench.layout.notice.button
            if button.isVisible():
                button.click()
        else:
            commands.choose(int(self.rng.choice(parts)))

    def predict(self) -> None:
        """Predictions are asked for, and land some events later."""
        if not self.bench.jobs.busy:
            self.window.finding.runs.run()

    def rest(self) -> None:
        QTest.qWait(2)

    def step(self) -> None:
        """Do something."""
        kinds: dict[Callable[[], None], float] = {
            self.press: 14, self.move: 26, self.release: 14, self.click: 6, self.double: 3, self.unseen_release: 1,
            self.wheel: 3, self.gesture_key: 14, self.other_key: 8, self.space: 1, self.tool: 5, self.image: 2,
            self.panes: 1, self.focus: 1, self.resize: 0.3, self.panel: 1, self.predict: 0.2, self.rest: 2,
        }  # fmt: skip
        shares = np.array(list(kinds.values()))
        do = list(kinds)[int(self.rng.choice(len(kinds), p=shares / shares.sum()))]
        self.kinds[do.__name__] += 1
        state = self.canvas.hands.state
        use = state.held.use.name if state.held is not None else "-"
        self.done.append(f"{do.__name__}: {self.canvas.tool.id} {state.phase.name} {use} in pane {state.pane}")
        do()
        if self.rng.random() < 0.8:
            QApplication.processEvents()
        self.close_dialogs()

    def close_dialogs(self) -> None:
        """Whatever came up before the window goes again."""
        for _ in range(5):
            top = QApplication.activePopupWidget() or QApplication.activeModalWidget()
            if top is None:
                return
            self.kinds["dialogs"] += 1
            top.close()
            self.window.activateWindow()
            QApplication.processEvents()

    # Looking --------------------------------------------------------------------------------------------------------

    def steps(self) -> int:
        """Steps that can be taken back."""
        return len(self.bench.session.history._done)

    def let_go(self) -> None:
        """End everything that is begun."""
        for button in tuple(self.down):
            QTest.mouseRelease(self.handle, button, PLAIN, self.in_window(self.at))
        self.down.clear()
        if self._space:
            self.space()
        self.close_dialogs()
        self.send(QEvent.Type.MouseMove, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton)
        wait(lambda: self.canvas.hands.state.phase.name != "SETTLING", "a gesture settles")
        self.bench.toolbox.choose("select")
        wait(lambda: not self.working(), "jobs end")
        wait(self._shown, "the images are shown")
        for _ in range(3):
            QTest.qWait(2)
        state = self.canvas.hands.state
        if state.phase.name != "IDLE" or state.held is not None:
            raise TroubleError(f"nothing is begun, yet {state}")
        if self.window.parts.editor._works:
            raise TroubleError("nothing is begun, yet something is painted into")

    def _shown(self) -> bool:
        viewer, panes = self.bench.viewer, self.canvas.panes
        return all(panes[pane].image_key == viewer.image(pane) for pane in range(self.canvas.count))

    def look(self, start: dict[str, Any], copies: Path) -> int:
        """Compare what is seen, what is in memory, and what is in the file; undo all and do it again. The steps."""
        document = self.bench.document
        for pane in range(self.canvas.count):
            seen, found = self.canvas.panes[pane].labels, document.label_map(self.bench.viewer.image(pane))
            right = np.zeros(1) if found is None else found.labels
            if not np.array_equal(
                np.zeros(1) if seen is None or not seen.any() else seen, right if right.any() else np.zeros(1)
            ):
                raise TroubleError(f"pane {pane} does not show what the project holds")
        same(document, reopened(document, copies))
        end, history, count = undone(document), self.bench.session.history, 0
        while history.undo():
            count += 1
        QApplication.processEvents()
        if undone(document) != start:
            raise TroubleError(f"undoing all does not give the start: {differing(undone(document), start)}")
        for _ in range(count):
            history.redo()
        QApplication.processEvents()
        if undone(document) != end:
            raise TroubleError(f"redoing all does not give the end: {differing(undone(document), end)}")
        return count


def _asked(runner: Any) -> bool:
    """Whether a request of the window waits for its answer."""
    return bool(runner._slots._waiting or runner._slots._running)


def undone(document: Document) -> dict[str, Any]:
    """All rows that undo takes back."""
    return {name: rows for name, rows in everything(document).items() if name not in NOT_UNDONE}


def differing(a: dict[str, Any], b: dict[str, Any]) -> str:
    """The tables that are not alike."""
    return ", ".join(name for name in a if a[name] != b[name])


def reopened(document: Document, copies: Path) -> Document:
    """The project as its file has it now, from a copy with all that belongs to it."""
    assert document.path is not None
    copies.mkdir(exist_ok=True)
    for file in document.path.parent.glob(f"{document.path.name}*"):
        if file.is_file() and not file.name.endswith("lock"):
            shutil.copyfile(file, copies / file.name)
    return Document.open(copies / document.path.name, read_only=True)


def same(memory: Document, disk: Document) -> None:
    """Compare two documents as they are read.

    Raises:
        TroubleError: They differ.
    """
    with disk:
        if everything(memory) != everything(disk):
            raise TroubleError("the file holds other rows than the memory")
        if memory.parts != disk.parts or memory.skeletons != disk.skeletons or memory.image_ids != disk.image_ids:
            raise TroubleError("the file holds other parts, skeletons or images")
        for image in memory.image_ids:
            a, b = memory.label_map(image), disk.label_map(image)
            if (a is None) != (b is None) or (
                a is not None and b is not None and not np.array_equal(a.labels, b.labels)
            ):
                raise TroubleError(f"the file holds other labels of image {image}")
            if memory.part_states(image) != disk.part_states(image) or memory.image(image) != disk.image(image):
                raise TroubleError(f"the file holds other states of image {image}")
            if repr(memory.keypoints(image)) != repr(disk.keypoints(image)):
                raise TroubleError(f"the file holds other points of image {image}")
            if repr(memory.matches_of(image)) != repr(disk.matches_of(image)):
                raise TroubleError(f"the file holds other matches of image {image}")


def play(window: Any, folder: Path, count: int, seed: int, every: int = 400) -> dict[str, object]:
    """Let hands at a window that has the project of `project` open do as many things, looking now and then.

    Raises:
        TroubleError: Something is not as it must be; says what was done last.
    """
    found: list[str] = []
    hands = Hands(window, seed)
    steps = 0
    with watched(found):
        wait(lambda: window.bench.canvas.panes[0].photo is not None, "the first image")
        for image in window.bench.document.image_ids:  # what is learnt of a file by reading it is not undone
            window.bench.images.select(image)
            wait(hands._shown, "an image")
        start = undone(window.bench.document)
        try:
            for number in range(1, count + 1):
                hands.step()
                if not found and (number % every == 0 or number == count):
                    hands.let_go()
                    steps = max(steps, hands.look(start, folder / "copies"))
                assert not found, found[0]
        except Exception as error:
            raise TroubleError("\n".join([str(error), f"seed {seed}, the last events:", *hands.done])) from error
        finally:
            hands.elsewhere.close()
    return {"events": count, "most_steps": steps, **dict(hands.kinds.most_common())}


def run(folder: Path, count: int, seed: int = 0, share: int = 1000) -> dict[str, object]:
    """So many events, a fresh project and window every thousand."""
    from counterpart.desktop.app import make_application

    os.environ["COUNTERPART_PROJECTS"] = str(folder / "projects")
    application = QApplication.instance() or make_application(["soak"])
    report: Counter[str] = Counter()
    for number in range(0, count, share):
        place = folder / str(number)
        window = make_window(place)
        try:
            window.bench.session.open_project(project(place))
            part = play(window, place, min(share, count - number), seed + number)
            report.update({key: value for key, value in part.items() if isinstance(value, int)})
        finally:
            window.close()
            window.deleteLater()
            application.processEvents()
    return dict(report)
