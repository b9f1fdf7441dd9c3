"""The Explore panel: what the features of the set look like, as colours over the images or as points in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from counterpart.core.backbone.registry import ModelInfo
from counterpart.core.features.taps import FACETS, Facet, Tap
from counterpart.desktop.explore.explore_jobs import ExploreParams, ViewKind
from counterpart.desktop.explore.point_colours import Colouring
from counterpart.desktop.explore.scatter import Scatter
from counterpart.desktop.images.scopes import Scope
from counterpart.desktop.jobs.run_button import RunButton
from counterpart.desktop.widgets.buttons import icon_button
from counterpart.desktop.widgets.icons import icon
from counterpart.desktop.widgets.labels import field_label, heading, line, muted
from counterpart.desktop.widgets.number_field import NumberField
from counterpart.desktop.widgets.segments import Segments
from counterpart.desktop.widgets.theme import GRID, colours

_KINDS: tuple[tuple[ViewKind, str, str, str], ...] = (
    (
        "components",
        "PCA",
        "The set's three main directions of variation as red, green and blue: like colours are like features",
        "Show components",
    ),
    ("saliency", "Saliency", "What stands out, or what one attention head looks at", "Show saliency"),
    ("clusters", "Clusters", "The set's features in groups: the first step of finding an object", "Show clusters"),
    (
        "tsne",
        "t-SNE",
        "Features as points. Drag around some to see their patches, or on the image to see the points of a region",
        "Arrange points",
    ),
)
_FACET_WORDS = {"key": "Keys", "query": "Queries", "value": "Values", "token": "Tokens", "normtoken": "Final tokens"}
_COLOURINGS: tuple[Colouring, ...] = ("image", "part", "folder")
_LIVE_MS = 150


class ExplorePanel(QWidget):
    """Chooses a view of the feature space.

    Signals:
        run_wanted: The button was pressed.
        changed: Something else is to be seen; at most some times a second.
        kind_changed: Another kind of view.
        colour_changed: What colours the points: `image`, `part`, `folder`.
        opacity_changed: Of colours over images, in [0, 1].
        save_wanted: The view is to be written to files.
    """

    run_wanted = Signal()
    changed = Signal()
    kind_changed = Signal(str)
    colour_changed = Signal(str)
    opacity_changed = Signal(float)
    save_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._info: ModelInfo | None = None
        self.kind = Segments([each[1] for each in _KINDS], [each[2] for each in _KINDS])
        self.help = muted(wrap=True, small=True)
        self.scope = QComboBox()
        self.scope.setAccessibleName("Images to look at")
        self.layer = NumberField(0, 11, 1)
        self.layer.setAccessibleName("Layer")
        self.facet = QComboBox()
        self.facet.setAccessibleName("Facet")
        self.foreground = QCheckBox("Leave the background black")
        self.head = QComboBox()
        self.head.setAccessibleName("Attention head")
        self.clusters = NumberField(2, 30, 1)
        self.clusters.setAccessibleName("Clusters")
        self.clusters.set_value(8)
        self.perplexity = NumberField(5, 500, 5)
        self.perplexity.setAccessibleName("Perplexity")
        self.perplexity.set_value(60)
        self.perplexity.setToolTip(
            "How many neighbours of a point count. The paper: 300, on some twenty thousand points"
        )
        self.every = NumberField(1, 50, 1)
        self.every.setAccessibleName("Take one patch in")
        self.every.set_value(3)
        self.every.setToolTip("Take one patch in so many. The paper: 10")
        self.colour_by = Segments(("Image", "Part", "Folder"), ("Colour points by image", "By part", "By folder"))
        self.opacity = NumberField(10, 100, 5, 0, " %")
        self.opacity.setAccessibleName("Opacity")
        self.opacity.set_value(80)
        self.scatter = Scatter()
        self.note = muted(wrap=True, small=True)
        self.button = RunButton()
        self.button.setObjectName("primary")
        self.button.setIcon(icon("run", colours().on_accent))
        self.save_button = icon_button("export", "Save what is shown as files…", quiet=True)
        self._layout()
        self._live = QTimer(self)
        self._live.setSingleShot(True)
        self._live.setInterval(_LIVE_MS)
        self._live.timeout.connect(self.changed)
        self._connect()
        self._kind_chosen()

    def _layout(self) -> None:
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(12)
        self._form.setVerticalSpacing(GRID)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows = (
            ("Images", self.scope),
            ("Layer", self.layer),
            ("Facet", self.facet),
            ("", self.foreground),
            ("Head", self.head),
            ("Clusters", self.clusters),
            ("Perplexity", self.perplexity),
            ("One in", self.every),
            ("Colour", self.colour_by),
            ("Opacity", self.opacity),
        )
        for text, widget in rows:
            self._form.addRow(field_label(text), widget)
        top = QHBoxLayout()
        top.addWidget(heading("Explore"))
        top.addStretch(1)
        top.addWidget(self.save_button)
        body = QVBoxLayout()
        body.setContentsMargins(12, 8, 12, 8)
        body.setSpacing(12)
        body.addLayout(top)
        body.addWidget(self.kind)
        body.addWidget(self.help)
        body.addLayout(self._form)
        body.addWidget(self.scatter, 1)
        body.addWidget(self.note)
        self._filler = QWidget()
        body.addWidget(self._filler, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(12, 8, 12, 12)
        foot.addWidget(self.button)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(body, 1)
        whole.addWidget(line())
        whole.addLayout(foot)

    def _connect(self) -> None:
        self.kind.chosen.connect(self._kind_chosen)
        self.button.clicked.connect(self.run_wanted)
        self.save_button.clicked.connect(self.save_wanted)
        for field in (self.layer, self.clusters):
            field.changed.connect(self._soon)
        for combo in (self.facet, self.head, self.scope):
            combo.activated.connect(self._soon)
        self.foreground.toggled.connect(self._soon)
        self.opacity.changed.connect(lambda percent: self.opacity_changed.emit(percent / 100))
        self.colour_by.chosen.connect(lambda index: self.colour_changed.emit(_COLOURINGS[index]))

    @Slot()
    def _soon(self) -> None:
        if self.view_kind != "tsne":  # arranging points takes long: only when asked for
            self._live.start()

    # What is chosen -----------------------------------------------------------------------------------------

    @property
    def view_kind(self) -> ViewKind:
        """The kind of view."""
        return _KINDS[self.kind.index][0]

    @property
    def scope_name(self) -> Scope:
        """Which images are looked at."""
        return cast("Scope", self.scope.currentData() or "all")

    @property
    def colouring(self) -> Colouring:
        """What colours the points."""
        return _COLOURINGS[self.colour_by.index]

    @property
    def params(self) -> ExploreParams:
        """Everything that is chosen."""
        facet: Facet = self.facet.currentData() or "token"
        return ExploreParams(
            self.view_kind,
            Tap(int(self.layer.value), facet),
            self.foreground.isChecked(),
            self.head.currentData(),
            int(self.clusters.value),
            float(self.perplexity.value),
            1.0,
            int(self.every.value),
        )

    def choose_kind(self, kind: ViewKind) -> None:
        """Choose a kind of view."""
        self.kind.set_index([each[0] for each in _KINDS].index(kind))
        self._kind_chosen()

    # What can be chosen -------------------------------------------------------------------------------------

    def set_model(self, info: ModelInfo) -> None:
        """Offer a model's layers, facets and heads; start at what it finds objects by."""
        if self._info is not None and self._info.name == info.name:
            return
        self._info = info
        tap = info.defaults.cosegment_tap
        self.layer.set_range(0, info.depth - 1)
        self.layer.set_value(tap.layer)
        self.facet.clear()
        for facet in FACETS if info.heads else ("token",):
            self.facet.addItem(_FACET_WORDS[facet], facet)
        self.facet.setCurrentIndex(max(self.facet.findData(tap.facet), 0))
        self.head.clear()
        self.head.addItem("All, as the model's saliency", None)
        for head in range(info.heads):
            self.head.addItem(f"Head {head}", head)

    def set_scopes(self, scopes: Sequence[tuple[str, str, int]]) -> None:
        """Offer sets of images: name, words, how many. The chosen one stays chosen."""
        chosen = self.scope_name
        self.scope.clear()
        for name, text, count in scopes:
            self.scope.addItem(f"{text} ({count:,})", name)
        self.scope.setCurrentIndex(max(self.scope.findData(chosen), 0))

    def set_ready(self, ready: bool, why: str = "") -> None:
        """Whether there is something to look at, and why not."""
        self.button.setEnabled(ready)
        self.button.setToolTip(why)

    def set_saveable(self, saveable: bool) -> None:
        """Whether something is shown that can be saved."""
        self.save_button.setEnabled(saveable)

    def retint(self) -> None:
        """Follow a change of theme."""
        self.scatter.update()

    @Slot()
    def _kind_chosen(self) -> None:
        _, _, text, verb = _KINDS[self.kind.index]
        kind = self.view_kind
        self.help.setText(text)
        self.button.setText(verb)
        tsne = kind == "tsne"
        shown = {
            self.layer: kind != "saliency",
            self.facet: kind != "saliency",
            self.foreground: kind == "components",
            self.head: kind == "saliency",
            self.clusters: kind == "clusters",
            self.perplexity: tsne,
            self.every: tsne,
            self.colour_by: tsne,
            self.opacity: not tsne,
        }
        for widget, visible in shown.items():
            self._form.setRowVisible(widget, visible)
        self.scatter.setVisible(tsne)
        self._filler.setVisible(not tsne)
        self.note.setText("")
        self.kind_changed.emit(kind)
