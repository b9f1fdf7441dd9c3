"""Names of individuals and tracks, as tables of animals have them, kept with the instances that they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from counterpart.core.project.commands import SetSettings
from counterpart.core.project.edit import Edit

INDIVIDUALS = "individuals"
"""Key of the project's setting: name of the individual by instance."""


def names_of(settings: Mapping[str, object]) -> dict[int, str]:
    """Names of individuals by instance, from a project's settings."""
    found = settings.get(INDIVIDUALS)
    if not isinstance(found, dict):
        return {}
    return {int(key): str(name) for key, name in found.items() if str(key).isdigit()}


def name_individuals(edit: Edit, names: Mapping[int, str]) -> None:
    """Name instances, as part of the step that a command takes."""
    before = cast("dict[str, object]", edit.setting(INDIVIDUALS) or {})
    after = {**before, **{str(number): name for number, name in names.items()}}
    if after != before:
        SetSettings({INDIVIDUALS: after}).do(edit)
