"""A kind of job as the Run panel offers it: its parameters, how they are shown, and what was chosen last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from counterpart.core.errors import CounterpartError
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.widgets.form import Knob, replace_fields


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A kind of job as the panel shows it.

    Attributes:
        id: Name in the program.
        title: Name for a person.
        help: What it does, in one sentence.
        defaults: Parameters to start from, for a model.
        knobs: How fields are shown, for a model.
        few: Fields that are always shown.
        advanced: Fields behind Advanced.
        verb: On the button.
        method: Field that chooses between ways of doing it, each with settings of its own; empty for none.
        for_method: Parameters of a way, for a model: all fields follow when another way is chosen, but those kept.
        kept: Fields that a person's choice stays in then.
    """

    id: str
    title: str
    help: str
    defaults: Callable[[str], Any]
    knobs: Callable[[str], Mapping[str, Knob]]
    few: Sequence[str]
    advanced: Sequence[str]
    verb: str = "Run"
    method: str = ""
    for_method: Callable[[str, Any], Any] | None = None
    kept: Sequence[str] = ()

    def base(self, model: str, values: Mapping[str, Any]) -> Any:
        """Parameters that fields which are not shown are taken from: those of the way that is chosen."""
        if self.for_method is None or self.method not in values:
            return self.defaults(model)
        return self.for_method(model, values[self.method])


def starting_values(settings: Settings, spec: TaskSpec, model: str) -> Any:
    """Parameters of a task for a model as a person chose them last."""
    params = spec.defaults(model)
    for name, value in settings.params(f"{spec.id}/{model}").items():
        if name in (*spec.few, *spec.advanced):
            try:
                params = replace_fields(params, {name: value})
            except (CounterpartError, TypeError, ValueError):
                continue  # a value that an earlier version allowed
    return params
