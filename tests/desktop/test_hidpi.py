"""Overlays lie on their pixels whatever the scale of the screen, which is fixed at the start of a program."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

SCRIPT = """
import json, sys
import numpy as np
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from desktop.app import make_application
from desktop.canvas.canvas import Canvas
from desktop.canvas.compositor import LabelStyle, PartStyle
from desktop.canvas.photo import build_photo
from desktop.qimage import qimage_to_rgb

app = make_application(["test"])
canvas = Canvas()
canvas.resize(641, 403)
rgb = np.zeros((90, 130, 3), np.uint8)
rgb[30:60, 40:101] = 255
canvas.set_photo(0, build_photo(rgb), 1)
canvas.set_style(0, LabelStyle({1: PartStyle((255, 0, 0))}, opacity=1.0))
canvas.show()
seen = []
canvas.hovered_at.connect(lambda pane, x, y: seen.append((round(x), round(y))))

def box(mask):
    rows, cols = np.nonzero(mask)
    return [int(v) for v in (rows.min(), cols.min(), rows.max(), cols.max())]

out = {"dpr": canvas.devicePixelRatioF(), "boxes": []}
for zoom, pan in ((1.0, (0, 0)), (1.37, (13, -7)), (3.0, (40, 21)), (0.31, (3, 2))):
    canvas.panes[0].view.fit()
    canvas.panes[0].view.zoom(zoom)
    canvas.panes[0].view.pan(*pan)
    canvas.refresh()
    canvas.set_labels(0, None)
    photo = qimage_to_rgb(canvas.grab().toImage()).astype(int)
    canvas.set_labels(0, (rgb[..., 0] > 0).astype(np.uint8))
    image = canvas.grab().toImage()
    drawn = qimage_to_rgb(image).astype(int)
    red = (drawn[..., 0] > 200) & (drawn[..., 1] < 120)
    out["boxes"].append([box(photo.min(axis=-1) > 127), box(red)])
out["pixels"] = [image.width(), image.height()]
canvas.panes[0].view.fit()
at = canvas.panes[0].view.to_widget((40, 30))
QTest.mouseMove(canvas, QPoint(round(at[0]), round(at[1])))
app.processEvents()
out["hover"] = seen[-1]
print(json.dumps(out))
"""


@pytest.mark.parametrize("scale", ["1", "1.25", "1.5", "2"])
def test_overlay_and_photograph_cover_the_same_screen_pixels(scale):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "QT_SCALE_FACTOR": scale, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["dpr"] == float(scale)
    for photo, overlay in found["boxes"]:
        # A smoothed edge of the photograph may fall on either side of half grey.
        assert all(abs(a - b) <= 1 for a, b in zip(photo, overlay, strict=True)), (photo, overlay)
    assert found["hover"] == [40, 30]
