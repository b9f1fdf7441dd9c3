"""Everything that can be done from a menu, a button or a key, declared as data and made into QActions here.

The table also makes the F1 sheet, and the tooltips, which name the shortcut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence

from counterpart.desktop.widgets.icons import icon

__all__ = [
    "ACTIONS",
    "MENUS",
    "ActionSpec",
    "Actions",
]


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One thing that can be done.

    Attributes:
        id: Name in the program.
        text: Name for a person, with its menu mnemonic.
        section: Heading on the F1 sheet.
        keys: Shortcuts, the first one is shown.
        icon: Name of its drawing, empty for none.
        help: One sentence for the tooltip, where the text does not say it all.
        checkable: Whether it stays on.
        group: Actions of one group exclude each other.
        checked: Whether it is on at first.
        repeat: Whether a held key repeats it.
    """

    id: str
    text: str
    section: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    help: str = ""
    checkable: bool = False
    group: str = ""
    checked: bool = False
    repeat: bool = False


_FILE, _EDIT, _VIEW, _IMAGES, _TOOLS, _PART, _POINTS, _RUN, _PAIR, _VIDEO, _HELP = (
    "File",
    "Edit",
    "View",
    "Images",
    "Tools",
    "Part",
    "Keypoints",
    "Run",
    "Pairs",
    "Video",
    "Help",
)

ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("open_folder", "Open &folder…", _FILE, ("Ctrl+U",), "open-folder", "Start with a folder of images"),
    ActionSpec("open_project", "&Open project…", _FILE, ("Ctrl+O",), "open-project"),
    ActionSpec("open_video", "Open &video…", _FILE, ("Ctrl+Shift+O",), "video", "Start with frames of a video file"),
    ActionSpec("open_samples", "Open sample &photographs", _FILE, (), "samples", "Try the program on its own pictures"),
    ActionSpec("add_images", "&Add images…", _FILE, ("Ctrl+I",), "add-images", "Add images to this project"),
    ActionSpec(
        "relink", "&Locate missing images…", _FILE, (), "relink", "Find images that were moved, by their content"
    ),
    ActionSpec(
        "save",
        "&Save project",
        _FILE,
        ("Ctrl+S",),
        "save",
        "Keep this project in a file; later changes save themselves",
    ),
    ActionSpec("save_as", "Save project &as…", _FILE, ("Ctrl+Shift+S",)),
    ActionSpec(
        "export", "&Export…", _FILE, ("Ctrl+E",), "export", "Write masks, keypoints or matches for other programs"
    ),
    ActionSpec("import", "&Import…", _FILE, ("Ctrl+Shift+I",), "import", "Take over masks or points of other programs"),
    ActionSpec("close_project", "&Close project", _FILE, ("Ctrl+W",)),
    ActionSpec("quit", "&Quit", _FILE, ("Ctrl+Q",)),
    ActionSpec("undo", "&Undo", _EDIT, ("Ctrl+Z",), "undo", repeat=True),
    ActionSpec("redo", "&Redo", _EDIT, ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", repeat=True),
    ActionSpec("settings", "&Settings…", _EDIT, ("Ctrl+,",), "settings"),
    ActionSpec("view_single", "&One image", _VIEW, ("Ctrl+1",), "single", "One image at a time", True, "view", True),
    ActionSpec(
        "view_pair", "&Two images", _VIEW, ("Ctrl+2",), "pair", "Two images with their correspondences", True, "view"
    ),
    ActionSpec("fit", "&Fit", _VIEW, ("F",), "fit", "Show the whole image"),
    ActionSpec(
        "actual_size", "&100 %", _VIEW, ("Ctrl+0",), "actual-size", "One image pixel on one pixel of the screen"
    ),
    ActionSpec("zoom_in", "Zoom &in", _VIEW, ("Ctrl++", "Ctrl+="), repeat=True),
    ActionSpec("zoom_out", "Zoom &out", _VIEW, ("Ctrl+-",), repeat=True),
    ActionSpec("overlay", "Show o&verlay", _VIEW, ("H",), "eye", "Hold to peek at the photograph", True, "", True),
    ActionSpec("part_visible", "Show active &part", _VIEW, ("V",), "", "Show or hide the active part on all images"),
    ActionSpec(
        "outlines", "Outlines on&ly", _VIEW, ("O",), "outline", "Draw the parts' outlines without filling them", True
    ),
    ActionSpec(
        "minimap", "&Map of the image", _VIEW, ("Shift+M",), "", "Where in the image the view is, while zoomed", True
    ),
    ActionSpec("crosshair", "&Crosshair", _VIEW, ("C",), "", "Lines through the pointer, with its coordinates", True),
    ActionSpec(
        "link_views", "Move both images &together", _VIEW, ("Shift+L",), "", "Zoom and move two images as one", True
    ),
    ActionSpec(
        "display",
        "&Brightness and contrast…",
        _VIEW,
        ("Ctrl+B",),
        "display",
        "For viewing only; of images with more than 8 bits it opens their real range",
    ),
    ActionSpec("brighter", "Brighter", _VIEW, ("Alt+Up",), repeat=True),
    ActionSpec("darker", "Darker", _VIEW, ("Alt+Down",), repeat=True),
    ActionSpec("more_contrast", "More contrast", _VIEW, ("Alt+Right",), repeat=True),
    ActionSpec("less_contrast", "Less contrast", _VIEW, ("Alt+Left",), repeat=True),
    ActionSpec("gamma_up", "Brighten the dark", _VIEW, ("Alt+PgUp",), repeat=True),
    ActionSpec("gamma_down", "Darken the dark", _VIEW, ("Alt+PgDown",), repeat=True),
    ActionSpec(
        "display_auto", "Fit contrast to what is seen", _VIEW, ("Alt+A",), "", "From its darkest to its lightest value"
    ),
    ActionSpec("display_reset", "Reset brightness and contrast", _VIEW, ("Alt+0",)),
    ActionSpec("theme", "&Light or dark", _VIEW, ("F9",), "theme"),
    ActionSpec("next_image", "&Next image", _IMAGES, ("D", "PgDown"), "next", repeat=True),
    ActionSpec("previous_image", "&Previous image", _IMAGES, ("A", "PgUp"), "previous", repeat=True),
    ActionSpec(
        "statistics",
        "S&tatistics…",
        _IMAGES,
        ("Ctrl+T",),
        "",
        "What there is of each part, over all images",
    ),
    ActionSpec("next_todo", "Next not re&viewed", _IMAGES, ("Ctrl+Shift+D",), "next-unreviewed"),
    ActionSpec("previous_todo", "Previous not revie&wed", _IMAGES, ("Ctrl+Shift+A",), "previous-unreviewed"),
    ActionSpec(
        "accept",
        "&Accept",
        _IMAGES,
        ("Return", "Enter"),
        "reviewed",
        "Mark the image as reviewed, or accept the selected match",
    ),
    ActionSpec(
        "reject", "&Reject or cancel", _IMAGES, ("Esc",), "", "Cancel what was begun, or reject the selected match"
    ),
    ActionSpec(
        "tool_select",
        "&Select",
        _TOOLS,
        ("S",),
        "select",
        "Point at correspondences and drag their ends",
        True,
        "tool",
        True,
    ),
    ActionSpec(
        "tool_similarity",
        "S&imilarity",
        _TOOLS,
        ("M",),
        "similarity",
        "See what looks like the place under the pointer; click to pin it",
        True,
        "tool",
    ),
    ActionSpec(
        "tool_pick",
        "&Pick part",
        _TOOLS,
        ("I",),
        "pick",
        "Make the part under the pointer the active one",
        True,
        "tool",
    ),
    ActionSpec("tool_brush", "&Brush", _TOOLS, ("B",), "brush", "Paint the active part; Ctrl erases", True, "tool"),
    ActionSpec(
        "tool_snap",
        "S&napped brush",
        _TOOLS,
        ("Shift+B",),
        "snap",
        "Paint whole regions that look alike; Ctrl erases them",
        True,
        "tool",
    ),
    ActionSpec("tool_eraser", "&Eraser", _TOOLS, ("E",), "eraser", "Erase parts that are not locked", True, "tool"),
    ActionSpec("tool_rectangle", "&Rectangle", _TOOLS, ("R",), "rectangle", "Paint a rectangle", True, "tool"),
    ActionSpec("tool_lasso", "&Lasso", _TOOLS, ("Q",), "lasso", "Paint what a freehand line goes around", True, "tool"),
    ActionSpec(
        "tool_polygon", "Pol&ygon", _TOOLS, ("P",), "polygon", "Paint what clicked corners enclose", True, "tool"
    ),
    ActionSpec(
        "tool_fill", "&Fill", _TOOLS, ("G",), "fill", "Give a connected region to the active part", True, "tool"
    ),
    ActionSpec(
        "tool_wand", "Feature &wand", _TOOLS, ("W",), "wand", "Grow a region along what looks alike", True, "tool"
    ),
    ActionSpec(
        "tool_keypoint",
        "&Keypoint",
        _TOOLS,
        ("K",),
        "keypoint",
        "Place keypoints one after the other; drag to move, right-click for hidden or absent",
        True,
        "tool",
    ),
    ActionSpec(
        "preserve",
        "Keep &other parts",
        _TOOLS,
        ("Shift+P",),
        "keep",
        "Paint on background only, never over another part",
        True,
    ),
    ActionSpec("larger", "Lar&ger brush", _TOOLS, ("]",), repeat=True),
    ActionSpec("smaller", "S&maller brush", _TOOLS, ("[",), repeat=True),
    ActionSpec("take_back", "Take the last corner &back", _TOOLS, ("Backspace",), repeat=True),
    ActionSpec(
        "split_part", "S&plit part", _PART, (), "", "Divide the active part in two by what it looks like, on all images"
    ),
    ActionSpec("save_codebook", "Save code&book…", _PART, (), "", "Keep the parts, to find them in other images"),
    ActionSpec("apply_codebook", "&Apply codebook…", _PART, (), "", "Find the parts of another set in these images"),
    ActionSpec("fill_holes", "Fill &holes", _PART, (), "", "Fill the holes of the active part"),
    ActionSpec(
        "keep_largest", "&Keep the largest piece", _PART, (), "", "Drop all but the largest piece of the active part"
    ),
    ActionSpec("remove_specks", "&Remove specks", _PART, (), "", "Drop small pieces of the active part"),
    ActionSpec("grow", "&Grow", _PART, ("Ctrl+]",), "", "Widen the active part by two pixels", repeat=True),
    ActionSpec("shrink", "&Shrink", _PART, ("Ctrl+[",), "", "Narrow the active part by two pixels", repeat=True),
    ActionSpec("smooth", "S&mooth", _PART, (), "", "Smooth the outline of the active part"),
    ActionSpec(
        "refine",
        "R&efine boundary",
        _PART,
        ("Ctrl+'",),
        "",
        "Move the outline of the active part to the edges of the photograph near it",
    ),
    ActionSpec(
        "refine_all",
        "Refine &all boundaries",
        _PART,
        ("Ctrl+Shift+'",),
        "",
        "The same for every part of this image that is neither locked nor hidden",
    ),
    ActionSpec(
        "accept_predictions",
        "&Accept predictions",
        _PART,
        ("Ctrl+Return",),
        "reviewed",
        "Make this image's predictions your own: no run replaces them",
    ),
    ActionSpec(
        "accept_listed",
        "Accept predictions of &all listed images",
        _PART,
        (),
        "",
        "Make the predictions of every image in the list your own",
    ),
    ActionSpec("copy_part", "&Copy part", _PART, ("Ctrl+C",), "", "Copy the active part of this image"),
    ActionSpec("paste_part", "&Paste part", _PART, ("Ctrl+V",), "", "Paste the copied part into this image"),
    ActionSpec("new_instance", "&New instance", _POINTS, ("Shift+N",), "", "Begin another instance on this image"),
    ActionSpec("skip_point", "&Skip this keypoint", _POINTS, ("N",), "", "Leave it out and go on with the next"),
    ActionSpec("delete_point", "&Delete keypoint or match", _POINTS, ("Del",), "", "Take what is chosen away"),
    ActionSpec(
        "target_strip",
        "Strip of &targets",
        _VIEW,
        ("T",),
        "",
        "Below two images, a row of all others with their points",
        True,
        "",
        True,
    ),
    ActionSpec(
        "swap_sides", "S&wap left and right", _POINTS, ("Shift+X",), "", "Exchange the sides of the active instance"
    ),
    ActionSpec(
        "landmarks",
        "&Landmarks from parts",
        _POINTS,
        (),
        "",
        "Predict the points from the parts that the images share: for things that look alike everywhere, such as faces",
    ),
    ActionSpec("skeletons", "S&keletons…", _POINTS, (), "", "Names, order, edges and sides of the keypoints"),
    ActionSpec("run", "&Run", _RUN, ("Ctrl+R", "F5"), "run", "Start what is chosen in the Run panel"),
    ActionSpec("cancel_job", "&Cancel job", _RUN, ("Ctrl+.",), "cancel"),
    ActionSpec("next_right", "Ne&xt image on the right", _PAIR, ("Shift+D",), repeat=True),
    ActionSpec("previous_right", "Pre&vious image on the right", _PAIR, ("Shift+A",), repeat=True),
    ActionSpec("swap", "S&wap left and right", _PAIR, ("X",), "swap"),
    ActionSpec(
        "lock_match", "&Lock match", _PAIR, ("L",), "lock", "Keep the selected match when matches are found anew"
    ),
    ActionSpec(
        "sequence",
        "Images are &frames of one video",
        _VIDEO,
        (),
        "",
        "Show the timeline, and propagate from frame to frame; each folder is one video",
        True,
    ),
    ActionSpec("play", "&Play or pause", _VIDEO, ("J",), "play", "Play the frames from here"),
    ActionSpec("next_frame", "&Next frame", _VIDEO, (".",), "step-forward", repeat=True),
    ActionSpec("previous_frame", "Pre&vious frame", _VIDEO, (",",), "step-back", repeat=True),
    ActionSpec("next_doubtful", "Next &doubtful frame", _VIDEO, ("Ctrl+Right",), "doubt-forward"),
    ActionSpec("previous_doubtful", "Previous d&oubtful frame", _VIDEO, ("Ctrl+Left",), "doubt-back"),
    ActionSpec("next_annotated", "Next &annotated frame", _VIDEO, ("Ctrl+Shift+Right",)),
    ActionSpec("previous_annotated", "Previous a&nnotated frame", _VIDEO, ("Ctrl+Shift+Left",)),
    ActionSpec(
        "propagate_all",
        "P&ropagate",
        _VIDEO,
        ("Ctrl+Shift+P",),
        "propagate",
        "Carry what you annotated to all other frames. What you drew or confirmed stays",
    ),
    ActionSpec(
        "propagate_here",
        "Propagate from &here",
        _VIDEO,
        ("Ctrl+P",),
        "",
        "Carry this frame both ways, as far as the next annotated frames",
    ),
    ActionSpec(
        "propagate_forward",
        "Propagate &forward from here",
        _VIDEO,
        ("Ctrl+Alt+P",),
        "",
        "Carry this frame to those after it, as far as the next annotated one",
    ),
    ActionSpec(
        "propagate_backward",
        "Propagate &backward from here",
        _VIDEO,
        (),
        "",
        "Carry this frame to those before it, as far as the last annotated one",
    ),
    ActionSpec("shortcuts", "&Keyboard shortcuts", _HELP, ("F1",), "keyboard"),
    ActionSpec("about", "&About Counterpart", _HELP, (), "info"),
)
"""Every action of the program."""

MENUS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "&File",
        (
            "open_folder",
            "open_video",
            "open_project",
            "open_samples",
            "recent",
            "-",
            "add_images",
            "relink",
            "-",
            "save",
            "save_as",
            "import",
            "export",
            "-",
            "close_project",
            "quit",
        ),
    ),
    ("&Edit", ("undo", "redo", "-", "settings")),
    (
        "&View",
        (
            "view_single",
            "view_pair",
            "-",
            "fit",
            "actual_size",
            "zoom_in",
            "zoom_out",
            "-",
            "target_strip",
            "overlay",
            "part_visible",
            "outlines",
            "-",
            "minimap",
            "crosshair",
            "link_views",
            "-",
            "display",
            "display_auto",
            "display_reset",
            "-",
            "theme",
        ),
    ),
    (
        "&Images",
        (
            "next_image",
            "previous_image",
            "next_todo",
            "previous_todo",
            "-",
            "accept",
            "reject",
            "-",
            "next_right",
            "previous_right",
            "swap",
            "lock_match",
            "-",
            "statistics",
        ),
    ),
    (
        "&Tools",
        (
            "tool_select",
            "tool_similarity",
            "tool_pick",
            "-",
            "tool_brush",
            "tool_snap",
            "tool_eraser",
            "tool_rectangle",
            "tool_lasso",
            "tool_polygon",
            "tool_fill",
            "tool_wand",
            "-",
            "tool_keypoint",
            "-",
            "preserve",
            "larger",
            "smaller",
            "take_back",
        ),
    ),
    (
        "&Part",
        (
            "accept_predictions",
            "accept_listed",
            "-",
            "copy_part",
            "paste_part",
            "-",
            "refine",
            "refine_all",
            "-",
            "fill_holes",
            "keep_largest",
            "remove_specks",
            "grow",
            "shrink",
            "smooth",
            "-",
            "split_part",
            "save_codebook",
            "apply_codebook",
        ),
    ),
    (
        "&Keypoints",
        ("new_instance", "skip_point", "delete_point", "-", "swap_sides", "-", "landmarks", "-", "skeletons"),
    ),
    ("&Run", ("run", "cancel_job")),
    (
        "Vi&deo",
        (
            "sequence",
            "-",
            "propagate_all",
            "propagate_here",
            "propagate_forward",
            "propagate_backward",
            "-",
            "play",
            "next_frame",
            "previous_frame",
            "next_doubtful",
            "previous_doubtful",
            "next_annotated",
            "previous_annotated",
        ),
    ),
    ("&Help", ("shortcuts", "about")),
)
"""The menu bar: `-` is a line, `recent` the menu of recent projects."""

GESTURES: tuple[tuple[str, str, str], ...] = (
    ("Canvas", "Wheel", "Zoom at the pointer"),
    ("Canvas", "Space or middle button, drag", "Move the image"),
    ("Canvas", "H held", "Peek at the photograph without its overlay"),
    ("Canvas", "1 … 9", "Choose the part"),
    ("Shape tools", "Ctrl held", "Take away from the part"),
    ("Shape tools", "Alt, or Ctrl+Shift", "Keep only what lies inside"),
    ("Shape tools", "Shift held", "Add to the part"),
    ("Shape tools", "Shift with the wand", "Add a place to the region"),
    ("Brushes", "Ctrl held", "Erase"),
    ("Brushes", "Shift and click", "A straight line from the last stroke"),
    ("Timeline", "Click or drag", "Go to a frame"),
    ("Timeline", "Left, Right, Home, End; Shift for ten", "Step, while it has the focus"),
    ("Canvas", "Double-click", "Accept a match, or a predicted part of this image"),
)
"""What is done with the pointer or with many keys, for the F1 sheet: section, keys, what it does."""


class Actions(QObject):
    """All actions, made from the table.

    Args:
        parent: Widget whose shortcuts they are.
        changed_keys: Shortcuts that the person changed, by action id.
    """

    def __init__(self, parent: QObject, changed_keys: dict[str, str] | None = None) -> None:
        super().__init__(parent)
        self._made: dict[str, QAction] = {}
        self._said: dict[str, tuple[bool, str]] = {}
        self._groups: dict[str, QActionGroup] = {}
        for spec in ACTIONS:
            self._made[spec.id] = self._make(spec, (changed_keys or {}).get(spec.id))

    def _make(self, spec: ActionSpec, changed: str | None) -> QAction:
        action = QAction(spec.text, self)
        action.setObjectName(spec.id)
        if spec.icon:
            action.setIcon(icon(spec.icon))
        keys = (changed,) if changed is not None else spec.keys
        action.setShortcuts([QKeySequence(key) for key in keys if key])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setAutoRepeat(spec.repeat)
        action.setToolTip(tooltip(spec, keys))
        action.setStatusTip(spec.help)
        action.setCheckable(spec.checkable)
        if spec.group:
            group = self._groups.setdefault(spec.group, QActionGroup(self))
            group.addAction(action)
        if spec.checkable:
            action.setChecked(spec.checked)
        return action

    def __getitem__(self, name: str) -> QAction:
        return self._made[name]

    def __iter__(self) -> Iterator[QAction]:
        return iter(self._made.values())

    def keys(self, name: str) -> tuple[str, ...]:
        """Shortcuts of an action as they are written."""
        return tuple(
            key.toString(QKeySequence.SequenceFormat.NativeText) for key in self._made[name].shortcuts() if key.count()
        )

    def defaults(self, name: str) -> tuple[str, ...]:
        """Shortcuts of an action before anybody changed them."""
        return _SPECS[name].keys

    def owner(self, key: str) -> str:
        """The action that has a shortcut, empty for none."""
        wanted = QKeySequence(key)
        return next((name for name, made in self._made.items() if wanted in made.shortcuts()), "") if key else ""

    def set_keys(self, name: str, keys: tuple[str, ...] | None) -> None:
        """Give an action other shortcuts; None gives it its own again."""
        action, spec = self._made[name], _SPECS[name]
        wanted = spec.keys if keys is None else keys
        action.setShortcuts([QKeySequence(key) for key in wanted])
        action.setToolTip(tooltip(spec, wanted))
        self._said.pop(name, None)

    def enable(self, names: Iterable[str], enabled: bool, reason: str = "") -> None:
        """Enable or disable actions; a disabled one says why where the pointer rests on it."""
        for name in names:
            action = self._made[name]
            if self._said.get(name) == (enabled, reason) and action.isEnabled() == enabled:
                continue  # asked after every change, though it rarely is another answer
            self._said[name] = (enabled, reason)
            action.setEnabled(enabled)
            spec = _SPECS[name]
            base = tooltip(spec, [key.toString() for key in action.shortcuts()])
            action.setToolTip(base if enabled or not reason else f"{base}<br>{reason}")

    def retint(self) -> None:
        """Draw the icons anew after a change of theme."""
        for spec in ACTIONS:
            if spec.icon:
                self._made[spec.id].setIcon(icon(spec.icon))


_SPECS = {spec.id: spec for spec in ACTIONS}


def plain(text: str) -> str:
    """A menu text without its mnemonic and dots."""
    return text.replace("&", "").rstrip("…")


def tooltip(spec: ActionSpec, keys: Iterable[str]) -> str:
    """What it is, its first shortcut, and what it does."""
    first = next((key for key in keys if key), "")
    shown = QKeySequence(first).toString(QKeySequence.SequenceFormat.NativeText) if first else ""
    head = f"<b>{plain(spec.text)}</b>" + (f" &nbsp; {shown}" if shown else "")
    return f"{head}<br>{spec.help}" if spec.help else head
