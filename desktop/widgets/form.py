"""Forms made from frozen dataclasses: a field's type chooses its control, a table refines it.

The same dataclass is what the command line fills in and what is stored beside each result, so a new parameter
shows up here by itself.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from counterpart.desktop.widgets.labels import field_label
from counterpart.desktop.widgets.number_field import NumberField
from counterpart.desktop.widgets.theme import GRID


@dataclass(frozen=True, slots=True)
class Knob:
    """How a field is shown.

    Attributes:
        label: Its name for a person.
        low, high, step, decimals: Range of a number.
        suffix: Its unit.
        help: One sentence for the tooltip.
        words: Choices in words, by value.
        none: What an empty choice is called, for fields that may be None.
        choices: The only values that make sense, where the type allows more.
    """

    label: str = ""
    low: float = 0.0
    high: float = 1.0
    step: float = 0.01
    decimals: int = 2
    suffix: str = ""
    help: str = ""
    words: Mapping[Any, str] = dataclasses.field(default_factory=dict)
    none: str = ""
    choices: tuple[Any, ...] = ()


def get_field(values: Any, name: str) -> Any:
    """A field, or a field of a field: `params.threshold`."""
    for each in name.split("."):
        values = getattr(values, each)
    return values


def replace_fields(values: Any, changes: Mapping[str, Any]) -> Any:
    """A copy with some fields replaced, also those of fields.

    Raises:
        CounterpartError: A dataclass refuses the values.
    """
    own = {name: value for name, value in changes.items() if "." not in name}
    deeper: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        first, dot, rest = name.partition(".")
        if dot:
            deeper.setdefault(first, {})[rest] = value
    for first, inner in deeper.items():
        own[first] = replace_fields(getattr(values, first), inner)
    return dataclasses.replace(values, **own)


@functools.cache
def _type_hints(params: type) -> dict[str, Any]:
    """Types of a dataclass's fields, evaluated once: every reading of a form asks for them."""
    return typing.get_type_hints(params)


def field_kind(values: Any, name: str) -> tuple[str, bool, tuple[Any, ...]]:
    """(`bool`, `int`, `float`, `choice` or `other`; whether None is allowed; choices) of a dataclass's field."""
    owner, _, last = name.rpartition(".")
    params = get_field(values, owner) if owner else values
    kind = _type_hints(params.__class__)[last]
    optional = False
    if get_origin(kind) in (typing.Union, types.UnionType):
        inner = [each for each in get_args(kind) if each is not type(None)]
        optional = len(inner) < len(get_args(kind))
        # A size may also be a pair; a form offers the simple kind of it.
        kind = inner[0] if len(inner) == 1 else int if int in inner else kind
    if get_origin(kind) is Literal:
        return "choice", optional, get_args(kind)
    names = {bool: "bool", int: "int", float: "float"}
    return names.get(kind, "other"), optional, ()


def field_row(field: QWidget, *buttons: QWidget) -> QHBoxLayout:
    """A field that takes the room there is, with buttons behind it."""
    row = QHBoxLayout()
    row.setSpacing(GRID)
    row.addWidget(field, 1)
    for button in buttons:
        row.addWidget(button)
    return row


def form_grid(parent: QWidget | None = None) -> QFormLayout:
    """A layout of labels and controls as every form of the program has it."""
    grid = QFormLayout(parent) if parent is not None else QFormLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(GRID)
    grid.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
    grid.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    grid.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    return grid


class _Optional(QWidget):
    """A number that may be left out."""

    changed = Signal()

    def __init__(self, number: NumberField, words: str, fallback: float) -> None:
        super().__init__()
        self._number, self._fallback = number, fallback
        self.check = QCheckBox(words)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addWidget(self.check)
        box.addWidget(number)
        self.check.toggled.connect(self._toggled)
        number.changed.connect(self.changed)

    def setAccessibleName(self, name: str) -> None:
        """Name what it is made of."""
        super().setAccessibleName(name)
        self.check.setAccessibleName(f"{name}: {self.check.text()}")
        self._number.setAccessibleName(name)

    @property
    def value(self) -> float | None:
        """The number, None while it is left out."""
        return None if self.check.isChecked() else self._number.value

    def set_value(self, value: float | None) -> None:
        """Set the number, or leave it out."""
        self.check.setChecked(value is None)
        self._number.set_value(self._fallback if value is None else value)
        self._number.setEnabled(value is not None)

    @Slot(bool)
    def _toggled(self, left_out: bool) -> None:
        self._number.setEnabled(not left_out)
        self.changed.emit()


class Form(QWidget):
    """Controls for some fields of a frozen dataclass.

    Args:
        params: Values to start from.
        names: Which fields, in order; `params.threshold` is the field `threshold` of the field `params`.
        knobs: How they are shown; what is left out is guessed from the type and the name.
    """

    changed = Signal()

    def __init__(
        self, params: Any, names: Sequence[str], knobs: Mapping[str, Knob], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._params = params
        self._controls: dict[str, QWidget] = {}
        self._grid = form_grid(self)
        for name in names:
            self._add(name, knobs.get(name, Knob()))

    def _add(self, name: str, knob: Knob) -> None:
        kind, optional, choices = field_kind(self._params, name)
        if knob.choices:
            kind, choices = "choice", knob.choices
        value = get_field(self._params, name)
        label = knob.label or name.rpartition(".")[2].replace("_", " ").capitalize()
        control = self._control(kind, optional, choices, knob)
        control.setToolTip(knob.help)
        control.setAccessibleName(label)
        self._controls[name] = control
        self._set(name, value)
        if isinstance(control, QCheckBox):
            control.setText(label)
            self._grid.addRow(control)
        else:
            words = field_label(label)
            words.setToolTip(knob.help)
            words.setBuddy(control)
            if isinstance(control, _Optional):  # level with its first line
                words.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
            self._grid.addRow(words, control)

    def _control(self, kind: str, optional: bool, choices: tuple[Any, ...], knob: Knob) -> QWidget:
        if kind == "bool":
            check = QCheckBox()
            check.toggled.connect(self.changed)
            return check
        if kind == "choice":
            return self._combo(choices, optional, knob)
        if kind in ("int", "float"):
            decimals = knob.decimals if kind == "float" else 0
            step = knob.step if kind == "float" else max(round(knob.step), 1)
            number = NumberField(knob.low, knob.high, step, decimals, knob.suffix)
            if optional:
                wrapped = _Optional(number, knob.none or "Automatic", knob.low)
                wrapped.changed.connect(self.changed)
                return wrapped
            number.changed.connect(self.changed)
            return number
        edit = QLineEdit()
        edit.editingFinished.connect(self.changed)
        return edit

    def _combo(self, choices: tuple[Any, ...], optional: bool, knob: Knob) -> QComboBox:
        combo = QComboBox()
        if optional:
            combo.addItem(knob.none or "Automatic", None)
        for choice in choices:
            combo.addItem(knob.words.get(choice, str(choice).replace("_", " ").capitalize()), choice)
        combo.currentIndexChanged.connect(self.changed)
        return combo

    def _set(self, name: str, value: Any) -> None:
        control = self._controls[name]
        control.blockSignals(True)
        if isinstance(control, QCheckBox):
            control.setChecked(bool(value))
        elif isinstance(control, QComboBox):
            control.setCurrentIndex(max(control.findData(value), 0))
        elif isinstance(control, NumberField | _Optional):
            control.set_value(max(value) if isinstance(value, tuple) else value)
        elif isinstance(control, QLineEdit):
            control.setText("" if value is None else str(value))
        control.blockSignals(False)

    def control(self, name: str) -> QWidget:
        """The control of a field."""
        return self._controls[name]

    def label(self, name: str) -> QLabel | None:
        """The words beside a field's control."""
        found = self._grid.labelForField(self._controls[name])
        return found if isinstance(found, QLabel) else None

    def set_params(self, params: Any) -> None:
        """Show other values, without telling anybody."""
        self._params = params
        for name in self._controls:
            self._set(name, get_field(params, name))

    def values(self) -> dict[str, Any]:
        """What is chosen, by field."""
        return {name: self._value(name) for name in self._controls}

    def params(self) -> Any:
        """The dataclass with what is chosen.

        Raises:
            CounterpartError: The dataclass refuses the values.
        """
        return replace_fields(self._params, self.values())

    def _value(self, name: str) -> Any:
        control = self._controls[name]
        if isinstance(control, QCheckBox):
            return control.isChecked()
        if isinstance(control, QComboBox):
            return control.currentData()
        if isinstance(control, NumberField | _Optional):
            kind, _, _ = field_kind(self._params, name)
            value = control.value
            return value if value is None else round(value) if kind == "int" else float(value)
        assert isinstance(control, QLineEdit)
        return control.text().strip()
