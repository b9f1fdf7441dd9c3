"""How the tools meet the rest of the program: what they load, and the commands they end in."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from counterpart.core.project.document import Document
from counterpart.core.project.history import History
from counterpart.core.tools.boundary import refine_boundary
from counterpart.core.tools.clipboard import copy_part, paste_part
from counterpart.core.tools.clusters import SnappedBrush, find_clusters
from counterpart.core.tools.draft import LabelDraft
from counterpart.core.tools.morphology import Smooth, change_part
from counterpart.core.tools.shapes import lasso_region
from counterpart.core.tools.strokes import StrokeRasteriser
from counterpart.core.tools.wand import Wand
from tests.core.project_tools import HW, filled

ROOT = Path(__file__).resolve().parents[3]


def test_no_tool_loads_torch_or_the_window():
    modules = [
        f"counterpart.core.tools.{file.stem}"
        for file in (ROOT / "core" / "tools").glob("*.py")
        if file.stem != "__init__"
    ]
    assert len(modules) >= 10
    code = f"import sys, {', '.join(modules)}; print([m for m in ('torch', 'faiss', 'PySide6') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def shown_is_stored(document, draft, title):
    """Apply what a gesture came to; the document then has what the draft showed, and undoes it in one step."""
    before, shown = document.label_map(1), draft.labels.copy()
    history = History(document)
    edit = draft.result()
    history.push(edit.command(1, title, HW))
    after = document.label_map(1).labels
    np.testing.assert_array_equal(after, shown)
    draft.rebase(after, edit.bbox)
    np.testing.assert_array_equal(draft.labels, after)
    history.undo()
    undone = document.label_map(1)
    np.testing.assert_array_equal(
        np.zeros(HW) if undone is None else undone.labels, np.zeros(HW) if before is None else before.labels
    )
    history.redo()


def test_every_tool_ends_in_one_command_that_the_document_takes(tmp_path):
    with Document.new(tmp_path / "a.counterpart") as document:
        filled(document, tmp_path)
        rgb = np.random.default_rng(0).integers(0, 256, (*HW, 3)).astype(np.uint8)
        rgb[90:200, 60:210] = (220, 60, 60)
        draft = LabelDraft(None, HW)
        tip = StrokeRasteriser(12, "round", HW)
        for xy in ((20, 20), (200, 90), (260, 290)):
            draft.apply(tip.move_to(xy), 1)
        shown_is_stored(document, draft, "Brush")
        draft.apply(lasso_region([(30, 30), (240, 60), (120, 280)], HW), 2, preserve=True)
        shown_is_stored(document, draft, "Lasso")
        selection = Wand(rgb).select((100, 120))
        for tolerance in (0.05, 0.4, 0.15):
            draft.preview(selection.region(tolerance), 3, locked={1})
        shown_is_stored(document, draft, "Wand")
        draft.apply(SnappedBrush(find_clusters(rgb)).move_to((100, 150)), 3, "subtract")
        shown_is_stored(document, draft, "Snapped eraser")
        for edit, title in (
            (change_part(draft.labels, 2, Smooth(4)), "Smooth"),
            (refine_boundary(rgb, draft.labels, 3), "Refine"),
        ):
            draft.edit(edit)
            shown_is_stored(document, draft, title)
        clip = copy_part(document.label_map(1).labels, 3)
        draft.apply(paste_part(clip, HW, at=(50, 60)), 2)
        shown_is_stored(document, draft, "Paste")
