"""Parts, keypoints and correspondences over sets of images, from dense features of a vision transformer.

What a notebook or script calls; `docs/api.md` goes through it with examples. Every function here is the one that the
window and the command line call. Importing this package loads nothing: each name is fetched when it is first used, and
torch when features are first wanted that no cache holds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpart.core.errors import CounterpartError
    from counterpart.core.formats.table import FORMATS
    from counterpart.core.pipeline.engine import Engine
    from counterpart.core.project import commands
    from counterpart.label_maps import LabelMaps
    from counterpart.notebook import features, find_object, find_parts, match, transfer
    from counterpart.projects import export, import_annotations, open_project

__all__ = [
    "FORMATS",
    "CounterpartError",
    "Engine",
    "LabelMaps",
    "commands",
    "export",
    "features",
    "find_object",
    "find_parts",
    "import_annotations",
    "match",
    "open_project",
    "transfer",
]

_ELSEWHERE = {
    "CounterpartError": "counterpart.core.errors",
    "Engine": "counterpart.core.pipeline.engine",
    "FORMATS": "counterpart.core.formats.table",
    "LabelMaps": "counterpart.label_maps",
    "export": "counterpart.projects",
    "import_annotations": "counterpart.projects",
    "open_project": "counterpart.projects",
}
"""Module of each name that is not the notebook's own."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'counterpart' has no attribute {name!r}")
    if name == "commands":
        value: Any = importlib.import_module("counterpart.core.project.commands")
    else:
        value = getattr(importlib.import_module(_ELSEWHERE.get(name, "counterpart.notebook")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
