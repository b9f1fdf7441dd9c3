"""Views of the feature space: one picture for each image that can be used, one pixel for each token."""

import numpy as np
import pytest
from PIL import Image

from counterpart.core.features.taps import Tap
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.explore.views import View, cluster_views, component_views
from tests.core.backbone_tiny import install_tiny, photo


@pytest.fixture
def engine(tmp_path, monkeypatch):
    return Engine(install_tiny(monkeypatch, tmp_path / "models"), "cpu", "float32", "none")


@pytest.fixture
def refs(tmp_path):
    """Four files: the first two alike, the third no picture."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, seed in (("a.png", 1), ("b.png", 1), ("d.png", 3)):
        Image.fromarray(photo(48, 64, seed)).save(folder / name)
    (folder / "c.png").write_bytes(b"no picture")
    return find_images([folder])


@pytest.fixture
def view(engine):
    return View(Tap(1, "token"), None, engine.info.patch)


def test_components_colour_equal_images_equally_and_name_what_cannot_be_used(engine, refs, view):
    ctx = JobContext()
    views = component_views(engine, refs, view, ctx)
    assert sorted(views.pictures) == [0, 1, 3]
    assert [failure.path.name for failure in ctx.failures] == ["c.png"]
    picture = views.pictures[0]
    assert picture.colours.shape == (*picture.geometry.grid_hw, 3)
    np.testing.assert_array_equal(picture.colours, views.pictures[1].colours)
    shares = views.about["explained"]
    assert len(shares) == 3
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1.001


def test_clusters_give_as_many_colours_as_there_are_and_do_not_blend(engine, refs, view):
    views = cluster_views(engine, refs, view, 3, JobContext())
    used = np.unique(np.concatenate([picture.colours.reshape(-1, 3) for picture in views.pictures.values()]), axis=0)
    assert 1 < len(used) <= 3
    assert not views.pictures[0].smooth
