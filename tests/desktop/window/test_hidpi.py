"""Overlays lie on their pixels whatever the scale of the screen, which is fixed at the start of a program."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

SCRIPT = """
import json, sys
import numpy as np
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from counterpart.desktop.app import make_application
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.compositor import LabelStyle, PartStyle
from counterpart.desktop.canvas.photo import build_photo
from counterpart.desktop.widgets.qimage import qimage_to_rgb

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


TOOLS = """
import json
import numpy as np
from PySide6.QtCore import QObject, QPointF, Signal
from PySide6.QtWidgets import QWidget
from counterpart.core.images.brightness import Look
from counterpart.core.tools.clusters import ClusterParams, find_clusters
from counterpart.core.tools.region import Region
from counterpart.desktop.app import make_application
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.compositor import LabelStyle, PartStyle
from counterpart.desktop.canvas.photo import build_photo
from counterpart.desktop.canvas.tool import Pointer
from counterpart.desktop.widgets.qimage import qimage_to_rgb
from counterpart.desktop.parts.snap_tool import SnapTool

app = make_application(["test"])

class Regions(QObject):
    found = Signal(int)
    def get(self, image):
        return clusters
    def prepare(self, image, photo):
        pass

rgb = np.zeros((90, 130, 3), np.uint8)
rgb[30:60, 40:101] = 90
clusters = find_clusters(rgb, None, params=ClusterParams(count=40))
canvas = Canvas()
canvas.resize(641, 403)
canvas.set_photo(0, build_photo(rgb), 1)
canvas.set_style(0, LabelStyle({1: PartStyle((255, 0, 0))}, opacity=1.0))
canvas.show()

def shot():
    return qimage_to_rgb(canvas.grab().toImage()).astype(int)

def box(mask):
    rows, cols = np.nonzero(mask)
    return [int(v) for v in (rows.min(), cols.min(), rows.max(), cols.max())]

def place(x, y):
    return QPointF(*canvas.panes[0].view.to_widget((x, y)))

out = {"dpr": canvas.devicePixelRatioF()}
dpr = out["dpr"]
bare = shot()
# The region under the pointer is lit where it lies.
tool = SnapTool(canvas, None, Regions())
tool.set_radius(0.5)
canvas.set_tool(tool)
from PySide6.QtCore import Qt
none = Qt.MouseButton.NoButton
at = place(70, 45)
tool.hover(Pointer(0, (70.0, 45.0), True, at, none, none, Qt.KeyboardModifier.NoModifier))
region = clusters.region(int(clusters.at((70, 45))))
top, left, bottom, right = region.bbox
lit = np.abs(shot() - bare).sum(axis=-1) > 12
corner, far = place(left - 0.5, top - 0.5), place(right - 0.5, bottom - 0.5)
out["region"] = [box(lit), [round(v * dpr) for v in (corner.y(), corner.x(), far.y(), far.x())]]
canvas.set_tool(None)
# Both views of one place: brightened or not, pixels lie where they lay.
canvas.panes[0].view.zoom(1.1)
canvas.panes[0].view.pan(13, -7)
canvas.refresh()
plain = shot()
canvas.set_look(Look(0.2, 0.0, 1.5))
look = shot()
edges = [np.abs(np.diff(each[: -round(60 * dpr)].sum(axis=-1), axis=1)) > 60 for each in (plain, look)]
out["edges"] = [box(each) for each in edges]
canvas.set_look(Look())
# The map lies in its corner, its picture on its parts.
canvas.panes[0].view.fit()
canvas.panes[0].view.zoom(3.0)
canvas.show_minimaps(True)
canvas.set_labels(0, None)
mini = canvas.minimaps[0]
app.processEvents()
grey = qimage_to_rgb(mini.grab().toImage()).astype(int)
canvas.set_labels(0, (rgb[..., 0] > 0).astype(np.uint8))
mini._redraw_labels()
red = qimage_to_rgb(mini.grab().toImage()).astype(int)
inner = np.s_[round(3 * dpr):-round(3 * dpr), round(3 * dpr):-round(3 * dpr)]
out["map"] = [box((red[..., 0] - red[..., 1])[inner] > 60), [round(v) for v in (0, 0)]]
height, width = red[inner].shape[:2]
out["share"] = [out["map"][0][1] / width, out["map"][0][3] / width]
out["mini"] = [mini.geometry().right() <= canvas.width(), mini.geometry().bottom() <= canvas.height()]
# The crosshair is sharp and goes through the pointer.
canvas.show_minimaps(False)
canvas.panes[0].view.fit()
canvas.set_labels(0, None)
canvas.show_crosshair(True)
canvas._point(place(20, 20))
cross = np.abs(shot() - bare).sum(axis=-1) > 100
centre = place(20, 20)
out["cross"] = [int(cross[:, : round(40 * dpr)].sum(axis=1).argmax()), round(centre.y() * dpr)]
print(json.dumps(out))
"""


@pytest.mark.parametrize("scale", ["1", "1.5", "2"])
def test_what_tools_and_views_draw_lies_on_the_same_screen_pixels(scale):
    done = subprocess.run(
        [sys.executable, "-c", TOOLS],
        cwd=ROOT,
        env={**os.environ, "QT_SCALE_FACTOR": scale, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["dpr"] == float(scale)
    lit, place = found["region"]
    assert all(abs(a - b) <= 2 + 3 * float(scale) for a, b in zip(lit, place, strict=True)), found["region"]
    assert all(abs(a - b) <= 1 for a, b in zip(*found["edges"], strict=True)), found["edges"]
    assert found["mini"] == [True, True]
    assert found["share"][0] == pytest.approx(40 / 130, abs=0.04)
    assert found["share"][1] == pytest.approx(101 / 130, abs=0.04)
    assert abs(found["cross"][0] - found["cross"][1]) <= 1 + float(scale)


@pytest.mark.parametrize("scale", ["1", "1.25", "1.5", "2"])
def test_overlay_and_photograph_cover_the_same_screen_pixels(scale):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, "QT_SCALE_FACTOR": scale, "QT_QPA_PLATFORM": "offscreen"},
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
