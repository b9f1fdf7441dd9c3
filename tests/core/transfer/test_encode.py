"""Views of image files: encoded once, cached like images, one bad file failing alone."""

import numpy as np
import pytest
from PIL import Image

from counterpart.core.backbone.extractor import extract_arrays
from counterpart.core.backbone.load import load_encoder
from counterpart.core.backbone.plan import plan_encoder
from counterpart.core.features.cache import FeatureCache
from counterpart.core.features.taps import Tap
from counterpart.core.images.finding import find_images
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import silent
from counterpart.core.transfer import TransferParams, ViewKey
from counterpart.core.transfer.encode import encode_views, target_views, template_views
from tests.core.backbone_tiny import install_tiny, photo

KEYS = (ViewKey((8, 4, 48, 44)), ViewKey((8, 4, 48, 44), mirrored=True), ViewKey())


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        name = install_tiny(patch, tmp_path_factory.mktemp("models"))
        yield load_encoder(plan_encoder(name, "cpu", "float32"))


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(10):  # more than are encoded together
        Image.fromarray(photo(60, 80, seed=number)).save(folder / f"{number}.png")
    return find_images([folder])


def spec_of(encoder):
    return encoder.spec([Tap(2, "token")], 4, (32, 32), False)


def never():
    raise AssertionError("the model was loaded although everything is cached")


def test_views_are_those_of_the_pixels_they_show(encoder, pictures):
    spec = spec_of(encoder)
    found = dict(encode_views(pictures, [KEYS] * 10, spec, lambda: encoder, None, silent()))
    assert sorted(found) == list(range(10))
    rgb = photo(60, 80, seed=3)[4:44, 8:48]
    expected = extract_arrays([rgb, np.ascontiguousarray(rgb[:, ::-1])], spec, encoder)
    for view, want in zip(found[3], expected, strict=False):
        np.testing.assert_allclose(view.features.maps[0], want.maps[0], atol=2e-2)
        assert view.features.geometry.image_hw == (40, 40)
    assert [view.key for view in found[3]] == list(KEYS)


def test_nothing_is_encoded_twice(encoder, pictures, tmp_path):
    spec, cache = spec_of(encoder), FeatureCache(tmp_path / "cache")
    first = dict(encode_views(pictures, [KEYS] * 10, spec, lambda: encoder, cache, silent()))
    fresh = FeatureCache(tmp_path / "cache")
    again = dict(encode_views(pictures, [KEYS[::-1]] * 10, spec, never, fresh, silent()))
    for one, other in zip(first[7], again[7][::-1], strict=True):
        np.testing.assert_array_equal(one.features.maps[0], other.features.maps[0])


def test_a_file_that_cannot_be_read_fails_alone(encoder, pictures, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    refs = [pictures[0], ImageRef(broken, "broken.jpg"), ImageRef(tmp_path / "gone.png", "gone.png"), pictures[1]]
    ctx = silent()
    found = dict(encode_views(refs, [KEYS] * 4, spec_of(encoder), lambda: encoder, None, ctx))
    assert sorted(found) == [0, 3]
    assert [error.path.name for error in ctx.failures] == ["broken.jpg", "gone.png"]


def test_what_is_looked_at_follows_box_and_switches():
    params, plain = TransferParams(), TransferParams.nearest_neighbour()
    box = (20.0, 10.0, 30.0, 20.0)
    window = (16, 6, 55, 35)
    assert target_views((60, 80), None, params) == (ViewKey(), ViewKey(mirrored=True))
    assert target_views((60, 80), None, plain) == (ViewKey(),)
    assert target_views((60, 80), box, params) == (ViewKey(window), ViewKey(window, mirrored=True), ViewKey())
    assert target_views((60, 80), (-90.0, 0.0, 10.0, 10.0), params) == (ViewKey(), ViewKey(mirrored=True))
    xy, visible = np.zeros((3, 2)), np.ones(3, bool)
    assert template_views((60, 80), xy, visible, box, params) == (ViewKey(window), ViewKey(window, mirrored=True))
    assert template_views((60, 80), xy, visible, box, plain) == (ViewKey(window),)
