"""From image files to features: what fails fails alone, what is cached is not computed, nothing depends on batching."""

import dataclasses
import os

import numpy as np
import pytest
import tifffile
from PIL import Image

from counterpart.core.backbone.extractor import extract, extract_arrays, extract_set
from counterpart.core.backbone.load import load_encoder
from counterpart.core.backbone.plan import plan_encoder
from counterpart.core.errors import CounterpartError, ImageError, JobCancelledError, ModelNotInstalledError, UsageError
from counterpart.core.features.cache import FeatureCache
from counterpart.core.features.taps import Tap
from counterpart.core.images.finding import find_images
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.jobs import CancelToken, JobContext
from tests.core.backbone_tiny import install_tiny, photo

KEY, TOKEN = Tap(2, "key"), Tap(3, "token")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        name = install_tiny(patch, tmp_path_factory.mktemp("models"))
        yield load_encoder(plan_encoder(name, "cpu", "float32"))


@pytest.fixture
def pictures(tmp_path):
    """Six photographs of three shapes; names in natural order."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, hw in enumerate([(60, 80), (80, 60), (60, 80), (64, 64), (60, 80), (80, 60)]):
        Image.fromarray(photo(*hw, seed=number)).save(folder / f"{number}.png")
    return find_images([folder])


def _unloadable():
    raise AssertionError("the model was loaded although everything is cached")


def _same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.maps, b.maps, strict=True))


def test_features_know_their_image_and_where_their_tokens_lie(encoder, pictures):
    spec = encoder.spec([KEY, TOKEN], 4, 48)
    found = dict(extract(pictures, spec, encoder))
    assert sorted(found) == list(range(6))
    for index, feature_map in found.items():
        image = read_image(pictures[index].path)
        assert feature_map.image_sha256 == image.sha256
        assert feature_map.geometry.image_hw == image.hw
        assert feature_map.grid_hw == feature_map.geometry.grid_hw == feature_map.maps[0].shape[:2]
        assert max(feature_map.geometry.input_hw) == 48
        assert feature_map.attention.shape == (3, *feature_map.grid_hw)
        assert feature_map.descriptors(TOKEN).shape[-1] == 24


def test_bands_that_are_left_out_are_warned_about(encoder, tmp_path):
    bands = np.zeros((60, 80, 5), np.uint8)
    tifffile.imwrite(tmp_path / "bands.tif", bands, photometric="minisblack", planarconfig="contig")
    ctx = JobContext()
    assert len(dict(extract(find_images([tmp_path]), encoder.spec([KEY], 4, 48), encoder, ctx))) == 1
    assert ctx.warnings == ["bands.tif: the first three of its 5 bands are shown"]


def test_the_result_does_not_depend_on_the_batch(encoder, pictures):
    spec = encoder.spec([TOKEN], 4, 48, storage="float32")
    one_by_one = dict(extract(pictures, spec, encoder, batch=1))
    together = dict(extract(pictures, spec, encoder, batch=100))
    for index in range(6):
        np.testing.assert_allclose(one_by_one[index].maps[0], together[index].maps[0], rtol=1e-4, atol=1e-5)


def test_the_result_is_the_same_cached_or_not(encoder, pictures, tmp_path):
    spec = encoder.spec([KEY, TOKEN], 4, 48)
    fresh = dict(extract(pictures, spec, encoder))
    cache = FeatureCache(tmp_path / "cache")
    first = dict(extract(pictures, spec, encoder, cache=cache))
    second = dict(extract(pictures, spec, _unloadable, cache=cache))
    third = dict(extract(pictures, spec, _unloadable, cache=FeatureCache(tmp_path / "cache")))
    for index in range(6):
        assert _same(fresh[index], first[index])
        assert _same(first[index], second[index])
        assert _same(first[index], third[index])


def test_the_model_is_not_loaded_when_everything_is_cached_even_for_other_combinations(encoder, pictures, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    plan = encoder.plan
    dict(extract(pictures, plan.spec([KEY, TOKEN], 4, 48), encoder, cache=cache))
    assert len(dict(extract(pictures, plan.spec([TOKEN], 4, 48), _unloadable, cache=cache))) == 6
    assert len(dict(extract(pictures, plan.spec([TOKEN, KEY], 4, 48, saliency=False), None, cache=cache))) == 6
    with pytest.raises(AssertionError):
        dict(extract(pictures, plan.spec([TOKEN], 8, 48), _unloadable, cache=cache))
    with pytest.raises(CounterpartError, match="no model to compute them with"):
        dict(extract(pictures, plan.spec([TOKEN], 8, 48), None, cache=cache))


def test_the_model_is_loaded_once(encoder, pictures):
    loads = []

    def load():
        loads.append(1)
        return encoder

    assert len(dict(extract(pictures, encoder.spec([TOKEN], 8, 48), load, batch=1))) == 6
    assert loads == [1]


def test_a_failing_model_is_the_error_of_the_job_not_of_an_image(encoder, pictures):
    def load():
        raise ModelNotInstalledError("gone")

    ctx = JobContext()
    with pytest.raises(ModelNotInstalledError):
        dict(extract(pictures, encoder.spec([TOKEN], 8, 48), load, ctx))
    assert ctx.failures == []


def test_images_that_cannot_be_used_are_named_and_the_others_are_done(encoder, pictures, tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("not a photograph")
    cut = tmp_path / "cut.jpg"
    Image.fromarray(photo(200, 200)).save(cut, quality=95)
    cut.write_bytes(cut.read_bytes()[:2000])
    absent = tmp_path / "absent.jpg"
    bad = [ImageRef(path, path.name) for path in (text, cut, absent)]
    refs = [bad[0], pictures[0], bad[1], pictures[1], bad[2]]
    ctx = JobContext()
    found = dict(extract(refs, encoder.spec([TOKEN], 8, 48), encoder, ctx, FeatureCache(tmp_path / "cache")))
    assert sorted(found) == [1, 3]
    assert {failure.path for failure in ctx.failures} == {text, cut, absent}
    assert all(isinstance(failure, ImageError) for failure in ctx.failures)


def test_an_image_that_is_another_picture_now_is_left_out_by_name_cached_or_not(encoder, pictures, tmp_path):
    known = [dataclasses.replace(ref, hw=read_image(ref.path).hw) for ref in pictures[:2]]
    known[0] = dataclasses.replace(known[0], hw=(7, 9))
    cache, spec = FeatureCache(tmp_path / "cache"), encoder.spec([TOKEN], 8, 48)
    for _ in range(2):
        ctx = JobContext()
        assert list(dict(extract(known, spec, encoder, ctx, cache))) == [1]
        assert [failure.path for failure in ctx.failures] == [known[0].path]
        assert "it is another picture now" in ctx.failures[0].what
        dict(extract(pictures[:1], spec, encoder, JobContext(), cache))  # somebody else's project knows it


@pytest.mark.skipif(os.name == "nt", reason="pipes as POSIX has them")
def test_a_pipe_in_the_place_of_an_image_is_named_and_not_waited_for(encoder, pictures, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    ctx, refs = JobContext(), [ImageRef(tmp_path / "pipe.jpg", "pipe.jpg"), pictures[0]]
    assert list(dict(extract(refs, encoder.spec([TOKEN], 8, 48), encoder, ctx, FeatureCache(None)))) == [1]
    assert [failure.path for failure in ctx.failures] == [tmp_path / "pipe.jpg"]


def test_extreme_shapes_get_features(encoder, tmp_path):
    for name, hw in (("dot", (1, 1)), ("strip", (3, 2000)), ("tall", (500, 2))):
        Image.fromarray(photo(*hw)).save(tmp_path / f"{name}.png")
    ctx = JobContext()
    found = dict(extract(find_images([tmp_path]), encoder.spec([TOKEN], 4, 48), encoder, ctx))
    assert ctx.failures == []
    assert [found[i].grid_hw for i in range(3)] == [(11, 11), (1, 11), (11, 1)]
    assert all(np.isfinite(found[i].maps[0]).all() for i in range(3))


def test_an_image_smaller_than_a_patch_at_its_own_size_fails_by_name(encoder, tmp_path):
    Image.fromarray(photo(5, 90)).save(tmp_path / "thin.png")
    Image.fromarray(photo(50, 90)).save(tmp_path / "whole.png")
    ctx = JobContext()
    found = dict(extract(find_images([tmp_path]), encoder.spec([TOKEN], 8, None), encoder, ctx))
    assert list(found) == [1]
    assert ctx.failures[0].path == tmp_path / "thin.png"


def test_an_image_with_too_many_tokens_fails_by_name_with_advice(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("counterpart.core.backbone.extractor.MAX_TOKENS", 100)
    Image.fromarray(photo(90, 90)).save(tmp_path / "large.png")
    Image.fromarray(photo(40, 40)).save(tmp_path / "small.png")
    ctx = JobContext()
    found = dict(extract(find_images([tmp_path]), encoder.spec([TOKEN], 4, None), encoder, ctx))
    assert list(found) == [1]
    assert "too many" in str(ctx.failures[0])
    assert "--size" in ctx.failures[0].hint


def test_at_its_own_size_an_image_is_not_resized(encoder, tmp_path):
    pixels = photo(43, 57)
    Image.fromarray(pixels).save(tmp_path / "own.png")
    spec = encoder.spec([TOKEN], 4, None, storage="float32")
    found = dict(extract(find_images([tmp_path]), spec, encoder))[0]
    assert found.grid_hw == ((43 - 8) // 4 + 1, (57 - 8) // 4 + 1)
    np.testing.assert_array_equal(found.maps[0], encoder.encode([pixels], spec)[0].maps[0])


def test_equal_stems_and_names_with_aug_are_images_like_any_other(encoder, tmp_path):
    for number, name in enumerate(("cat.png", "cat.bmp", "cat_aug_1.png")):
        Image.fromarray(photo(40, 40, seed=number)).save(tmp_path / name)
    refs = find_images([tmp_path])
    found = dict(extract(refs, encoder.spec([TOKEN], 8, 40), encoder, cache=FeatureCache(tmp_path / "cache")))
    assert len(found) == 3
    assert len({m.image_sha256 for m in found.values()}) == 3


def test_renamed_and_edited_files_are_told_apart_by_their_bytes(encoder, pictures, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    spec = encoder.spec([TOKEN], 8, 48)
    before = dict(extract(pictures[:1], spec, encoder, cache=cache))[0]
    renamed = pictures[0].path.rename(pictures[0].path.with_name("renamed.png"))
    moved = ImageRef(renamed, "renamed.png")
    assert _same(dict(extract([moved], spec, _unloadable, cache=cache))[0], before)
    Image.fromarray(photo(60, 80, seed=99)).save(renamed)
    after = dict(extract([moved], spec, encoder, cache=cache))[0]
    assert after.image_sha256 != before.image_sha256
    assert not _same(after, before)


@pytest.mark.parametrize("at", range(0, 60, 4))
def test_cancelling_at_any_step_keeps_what_was_done_and_nothing_half(encoder, pictures, tmp_path, at):
    class Countdown(CancelToken):
        def __init__(self):
            super().__init__()
            self.left = at

        @property
        def cancelled(self):
            self.left -= 1
            return self.left < 0

    cache = FeatureCache(tmp_path / "cache")
    spec = encoder.spec([TOKEN], 8, 48)
    done = {}
    try:
        for index, feature_map in extract(pictures, spec, encoder, JobContext(token=Countdown()), cache, batch=2):
            done[index] = feature_map  # noqa: PERF403 (what came before the cancellation is wanted)
    except JobCancelledError:
        assert len(done) < 6
    kept = FeatureCache(tmp_path / "cache")
    for feature_map in done.values():
        assert _same(kept.get(feature_map.image_sha256, spec), feature_map)
    whole = dict(extract(pictures, spec, encoder, cache=kept))
    assert all(_same(whole[index], feature_map) for index, feature_map in done.items())


def test_progress_counts_images_and_ends_at_all(encoder, pictures):
    seen = []
    ctx = JobContext(seen.append, min_interval_s=0)
    list(extract(pictures, encoder.spec([TOKEN], 8, 48), lambda: encoder, ctx, batch=2))
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert (seen[-1].done, seen[-1].total, seen[-1].fraction) == (6, 6, 1.0)
    assert any("Loading" in p.text for p in seen)


def test_arrays_are_encoded_as_files_are(encoder, pictures):
    spec = encoder.spec([KEY], 4, 48)
    from_files = dict(extract(pictures, spec, encoder, batch=1))
    arrays = [read_image(ref.path).rgb for ref in pictures]
    from_arrays = extract_arrays(arrays, spec, encoder)
    for index, feature_map in enumerate(from_arrays):
        np.testing.assert_allclose(feature_map.descriptors(), from_files[index].descriptors(), rtol=1e-2, atol=1e-2)
        assert feature_map.geometry == from_files[index].geometry
    assert len({m.image_sha256 for m in from_arrays}) == 6
    assert extract_arrays([], spec, encoder) == []
    with pytest.raises(UsageError):
        extract_arrays([photo(4, 4)], dataclasses.replace(spec, size=None), encoder)


def test_no_images_give_no_features(encoder):
    assert list(extract([], encoder.spec([TOKEN], 8, 48), _unloadable)) == []
    assert len(extract_set([], encoder.spec([TOKEN], 8, 48), _unloadable)) == 0


# Sets -------------------------------------------------------------------------------------------------------------


def test_a_set_holds_nothing_in_memory_that_the_disk_has(encoder, pictures, tmp_path):
    cache = FeatureCache(tmp_path / "cache", memory_bytes=0)
    spec = encoder.spec([TOKEN], 8, 48)
    features = extract_set(pictures, spec, encoder, cache=cache)
    assert len(features) == 6
    assert features._held == {}
    assert [m.image_sha256 for m in features] == list(features.digests)
    again = extract_set(pictures, spec, _unloadable, cache=FeatureCache(tmp_path / "cache"))
    assert all(_same(a, b) for a, b in zip(features, again, strict=True))


def test_a_set_without_a_disk_holds_its_features(encoder, pictures, tmp_path):
    spec = encoder.spec([TOKEN], 8, 48)
    for cache in (None, FeatureCache(None, memory_bytes=0)):
        features = extract_set(pictures, spec, lambda: encoder, cache=cache)
        assert features[5] is features[5]
        assert features[1:3][0] is features[1]


def test_a_folder_that_cannot_be_written_warns_once_and_the_work_goes_on(encoder, pictures, tmp_path):
    (tmp_path / "file").write_text("")
    ctx = JobContext()
    cache = FeatureCache(tmp_path / "file" / "cache", memory_bytes=0)
    features = extract_set(pictures, encoder.spec([TOKEN], 8, 48), encoder, ctx, cache)
    assert len([m for m in features if np.isfinite(m.maps[0]).all()]) == 6
    assert len(ctx.warnings) == 1
    assert ctx.failures == []


def test_a_set_says_which_images_it_has(encoder, pictures, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"broken")
    refs = [pictures[0], ImageRef(broken, "broken.png"), pictures[1]]
    ctx = JobContext()
    features = extract_set(refs, encoder.spec([TOKEN], 8, 48), encoder, ctx, FeatureCache(tmp_path / "cache"))
    assert features.indices == (0, 2)
    assert [ref.name for ref in features.refs] == ["0.png", "1.png"]
    assert [failure.path for failure in ctx.failures] == [broken]


def test_an_image_edited_under_a_set_is_not_passed_off_as_the_old_one(encoder, pictures, tmp_path):
    cache = FeatureCache(tmp_path / "cache", memory_bytes=0)
    features = extract_set(pictures, encoder.spec([TOKEN], 8, 48), encoder, cache=cache)
    for path in (tmp_path / "cache").rglob("*.safetensors"):
        path.unlink()
    assert features[1].image_sha256 == features.digests[1]
    Image.fromarray(photo(30, 30, seed=77)).save(pictures[2].path)
    with pytest.raises(ImageError, match="changed"):
        features[2]
