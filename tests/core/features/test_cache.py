"""The cache of features: found by content, bounded by bytes, never in the way."""

import dataclasses
import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from counterpart.core import temporaries
from counterpart.core.features.cache import FeatureCache, _parts, cache_dir, fingerprint
from counterpart.core.features.feature_set import FeatureSet
from counterpart.core.features.taps import FACETS, Tap
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.reading import ImageRef
from counterpart.core.sealed import unseal

KEY, TOKEN, VALUE = Tap(9, "key"), Tap(9, "token"), Tap(11, "value")
GEOMETRY = GridGeometry.plan((60, 90), 64, 8, 4)
IMAGE = "a" * 64


def spec_of(*taps, **other) -> FeatureSpec:
    values = {"model": "m", "weights": "w", "taps": taps, "stride": 4, "size": 64, "saliency_layer": 11}
    return FeatureSpec(**(values | other))


def features(spec, image=IMAGE, seed=0, hw=GEOMETRY.grid_hw) -> FeatureMap:
    def draw(name, shape, dtype):
        rng = np.random.default_rng([seed, *name.encode()])
        return rng.standard_normal(shape).astype(dtype)

    rows, cols = hw
    return FeatureMap(
        spec=spec,
        image_sha256=image,
        geometry=GEOMETRY,
        maps=tuple(draw(f"map {tap}", (rows, cols, 6), spec.storage) for tap in spec.taps),
        cls=tuple(draw(f"cls {tap}", 6, np.float32) for tap in spec.taps),
        attention=None if spec.saliency_layer is None else draw("attention", (3, rows, cols), np.float32),
    )


def same(a, b) -> bool:
    attention = (a.attention is None) == (b.attention is None)
    if attention and a.attention is not None:
        attention = np.array_equal(a.attention, b.attention)
    return (
        attention
        and (a.spec, a.image_sha256, a.geometry) == (b.spec, b.image_sha256, b.geometry)
        and all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(a.maps, b.maps, strict=True))
        and all(np.array_equal(x, y) for x, y in zip(a.cls, b.cls, strict=True))
    )


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("storage", ["float16", "float32"])
@pytest.mark.parametrize("layer", [11, None])
def test_what_was_put_comes_back_from_memory_and_from_disk(tmp_path, storage, layer):
    made = features(spec_of(KEY, TOKEN, storage=storage, saliency_layer=layer))
    cache = FeatureCache(tmp_path)
    assert cache.get(IMAGE, made.spec) is None
    assert cache.put(made)
    assert same(cache.get(IMAGE, made.spec), made)
    cache.forget()
    assert same(cache.get(IMAGE, made.spec), made)
    assert same(FeatureCache(tmp_path).get(IMAGE, made.spec), made)
    assert not cache.get(IMAGE, made.spec).maps[0].flags.writeable


def test_any_combination_of_cached_taps_can_be_put_together(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.put(features(spec_of(KEY, TOKEN)))
    cache.put(features(spec_of(VALUE, saliency_layer=None)))
    for taps in ((TOKEN,), (VALUE, KEY), (TOKEN, VALUE, KEY)):
        for layer in (11, None):
            wanted = spec_of(*taps, saliency_layer=layer)
            assert same(FeatureCache(tmp_path).get(IMAGE, wanted), features(wanted))
    assert cache.get(IMAGE, spec_of(KEY, Tap(3, "key"))) is None
    assert cache.get(IMAGE, spec_of(KEY, saliency_layer=10)) is None


FIELDS = {
    "model": st.sampled_from(["a", "b"]),
    "weights": st.sampled_from(["1", "2"]),
    "taps": st.lists(
        st.builds(Tap, st.integers(0, 11), st.sampled_from(FACETS)), min_size=1, max_size=3, unique=True
    ).map(tuple),
    "stride": st.sampled_from([2, 4, 8]),
    "size": st.one_of(st.none(), st.integers(8, 99), st.tuples(st.integers(8, 99), st.integers(8, 99))),
    "saliency_layer": st.one_of(st.none(), st.integers(0, 11)),
    "position_mode": st.sampled_from(["reference", "antialias"]),
    "precision": st.sampled_from(["float32", "bfloat16", "float16"]),
    "storage": st.sampled_from(["float16", "float32"]),
}  # fmt: skip


def test_no_field_of_a_spec_is_forgotten_by_the_next_test():
    assert FIELDS.keys() == {field.name for field in dataclasses.fields(FeatureSpec)}


@pytest.mark.parametrize("name", FIELDS)
@given(data=st.data())
def test_every_field_of_the_spec_changes_the_digest_and_the_cache_key(name, data):
    spec = FeatureSpec(**{key: data.draw(values) for key, values in FIELDS.items()})
    other = dataclasses.replace(spec, **{name: data.draw(FIELDS[name].filter(lambda v: v != getattr(spec, name)))})
    assert spec.digest() != other.digest()
    assert [key for key, _ in _parts(IMAGE, spec)] != [key for key, _ in _parts(IMAGE, other)]
    assert spec.digest() == dataclasses.replace(spec).digest()


def test_another_image_is_another_entry(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.put(features(spec_of(KEY)))
    assert cache.get("b" * 64, spec_of(KEY)) is None


# Damage -----------------------------------------------------------------------------------------------------------


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


def _flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[-7] ^= 4
    path.write_bytes(data)


def _empty(path):
    path.write_bytes(b"")


def _overwrite(path):
    path.write_bytes(b"not features at all " * 50)


@pytest.mark.parametrize("damage", [_truncate, _flip_a_bit, _empty, _overwrite])
def test_a_damaged_entry_is_dropped_and_the_others_stay(tmp_path, damage):
    made = features(spec_of(KEY, TOKEN))
    FeatureCache(tmp_path).put(made)
    victim = files(tmp_path)[0]
    damage(victim)
    cache = FeatureCache(tmp_path)
    assert cache.get(IMAGE, made.spec) is None
    assert not victim.exists()
    assert cache.stats().dropped == 1
    assert len(files(tmp_path)) == 2
    assert cache.put(made)
    assert same(FeatureCache(tmp_path).get(IMAGE, made.spec), made)


def test_no_flipped_bit_of_an_entry_is_ever_used(tmp_path):
    """Exhaustive: header, shapes, types, names, geometry, numbers, the seal itself."""
    spec = spec_of(KEY, saliency_layer=None)
    key, part_spec = _parts(IMAGE, spec)[0]
    cache = FeatureCache(tmp_path, memory_bytes=0)
    cache.put(features(spec, hw=(1, 2)))
    (file,) = files(tmp_path)
    data = bytearray(file.read_bytes())
    for place in range(8 * len(data)):
        data[place // 8] ^= 1 << place % 8
        file.write_bytes(data)
        assert cache._read(key, IMAGE, part_spec) is None, f"bit {place}"
        data[place // 8] ^= 1 << place % 8
    assert cache.stats().dropped == 8 * len(data)


def test_an_entry_of_a_version_before_seals_is_computed_again(tmp_path):
    made = features(spec_of(KEY, saliency_layer=None))
    cache = FeatureCache(tmp_path, memory_bytes=0)
    cache.put(made)
    (file,) = files(tmp_path)
    arrays, about = unseal(file)
    file.write_bytes(save(arrays, metadata=about))
    assert cache.get(IMAGE, made.spec) is None
    assert cache.put(made)
    assert same(cache.get(IMAGE, made.spec), made)


def test_an_entry_under_another_s_name_is_not_taken_for_it(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.put(features(spec_of(KEY, saliency_layer=None)))
    cache.put(features(spec_of(TOKEN, saliency_layer=None)))
    first, second = files(tmp_path)
    shutil.copyfile(first, second)
    fresh = FeatureCache(tmp_path)
    found = [fresh.get(IMAGE, spec_of(tap, saliency_layer=None)) for tap in (KEY, TOKEN)]
    assert sum(item is not None for item in found) == 1


def test_a_folder_that_cannot_be_written_costs_the_cache_not_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    cache = FeatureCache(tmp_path / "file" / "cache")
    made = features(spec_of(KEY))
    assert not cache.put(made)
    assert "cannot be written" in cache.trouble
    assert same(cache.get(IMAGE, made.spec), made)
    assert not cache.on_disk(IMAGE, made.spec)


def test_a_full_disk_is_noticed_once_and_leaves_no_half_entry(tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path)
    cache.put(features(spec_of(KEY)))
    before = files(tmp_path)
    attempts = []

    def full(self, target):
        attempts.append(target)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", full)
        assert not cache.put(features(spec_of(TOKEN)))
        assert not cache.put(features(spec_of(VALUE)))
    assert len(attempts) == 1
    assert "No space left on device" in cache.trouble
    assert files(tmp_path) == before
    assert same(cache.get(IMAGE, spec_of(KEY)), features(spec_of(KEY)))


# Bounds -----------------------------------------------------------------------------------------------------------


def _image(number):
    return f"{number:064d}"


def test_memory_is_bounded_and_forgets_what_was_used_longest_ago(tmp_path):
    spec = spec_of(KEY, saliency_layer=None)
    one = features(spec).nbytes
    cache = FeatureCache(None, memory_bytes=3 * one)
    for number in range(3):
        cache.put(features(spec, _image(number)))
    assert cache.get(_image(0), spec) is not None
    cache.put(features(spec, _image(3)))
    assert cache.stats().memory_bytes <= 3 * one
    assert cache.get(_image(1), spec) is None
    assert all(cache.get(_image(number), spec) is not None for number in (0, 2, 3))


def test_an_entry_larger_than_the_memory_is_not_kept_there(tmp_path):
    made = features(spec_of(KEY))
    cache = FeatureCache(tmp_path, memory_bytes=10)
    cache.put(made)
    assert cache.stats().memory_bytes == 0
    assert same(cache.get(IMAGE, made.spec), made)


def test_the_folder_is_bounded_and_loses_what_was_used_longest_ago(tmp_path):
    spec = spec_of(KEY, saliency_layer=None)
    FeatureCache(tmp_path).put(features(spec, _image(0)))
    size = files(tmp_path)[0].stat().st_size
    cache = FeatureCache(tmp_path, disk_bytes=5 * size, memory_bytes=0)
    for number in range(1, 5):
        cache.put(features(spec, _image(number)))
    for age, number in enumerate((1, 3, 2, 4, 0)):  # image 1 oldest
        os.utime(cache._file(_parts(_image(number), spec)[0][0]), (1_000_000 + age,) * 2)
    assert cache.get(_image(1), spec) is not None  # used now: no longer the oldest
    cache.put(features(spec, _image(5)))
    left = {number for number in range(6) if FeatureCache(tmp_path).get(_image(number), spec) is not None}
    assert left == {0, 1, 4, 5}
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 5 * size
    assert cache.stats().disk_bytes == sum(path.stat().st_size for path in files(tmp_path))


def test_narrower_bounds_take_effect_at_once(tmp_path):
    cache = FeatureCache(tmp_path)
    spec = spec_of(KEY)
    for seed in range(6):
        cache.put(features(spec, f"{seed:064x}", seed))
    memory, disk = cache.stats().memory_bytes, cache.on_disk_bytes()
    cache.set_bounds(memory // 2, disk // 2)
    assert 0 < cache.stats().memory_bytes <= memory // 2
    assert 0 < cache.on_disk_bytes() <= disk // 2
    assert cache.get(f"{5:064x}", spec) is not None
    assert cache.get(f"{0:064x}", spec) is None


def test_writing_the_same_again_does_not_count_twice(tmp_path):
    cache = FeatureCache(tmp_path)
    for _ in range(3):
        cache.put(features(spec_of(KEY, TOKEN)))
    assert cache.stats().disk_bytes == sum(path.stat().st_size for path in files(tmp_path))


def test_a_killed_writer_s_leftovers_are_swept(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.put(features(spec_of(KEY)))
    number, leftover = temporaries.make_file(files(tmp_path)[0].parent)
    os.close(number)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    leftover = leftover.rename(str(leftover).replace(f"-{os.getpid()}-", f"-{gone.pid}-"))
    FeatureCache(tmp_path).put(features(spec_of(TOKEN)))
    assert not leftover.exists()


def test_threads_may_share_a_cache(tmp_path):
    cache = FeatureCache(tmp_path, memory_bytes=2_000)
    spec, wrong = spec_of(KEY), []

    def work(seed):
        for number in range(20):
            made = features(spec, _image(number % 5), seed=number % 5)
            cache.put(made)
            found = cache.get(_image(number % 5), spec)
            if found is not None and not same(found, made):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert all(cache.get(_image(number), spec) is not None for number in range(5))


def test_the_environment_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("COUNTERPART_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("COUNTERPART_CACHE")
    assert "counterpart" in str(cache_dir()).lower()


# Sets -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lazy_set(tmp_path):
    spec = spec_of(KEY)
    cache = FeatureCache(tmp_path, memory_bytes=0)
    refs = [ImageRef(tmp_path / f"{number}.jpg", f"{number}.jpg") for number in range(4)]
    for number in range(4):
        cache.put(features(spec, _image(number), seed=number))
    again = []

    def recompute(ref, digest):
        again.append(ref.name)
        return features(spec, digest, seed=int(digest))

    return FeatureSet(refs, [_image(n) for n in range(4)], spec, cache, recompute), again, tmp_path


def test_a_set_reads_one_image_at_a_time(lazy_set):
    lazy, again, _ = lazy_set
    assert len(lazy) == 4
    for number, found in enumerate(lazy):
        assert same(found, features(lazy.spec, _image(number), seed=number))
    assert same(lazy[-1], lazy[3])
    assert [item.image_sha256 for item in lazy[1:3]] == [_image(1), _image(2)]
    with pytest.raises(IndexError):
        lazy[4]
    assert again == []


def test_a_set_computes_again_what_the_cache_lost(lazy_set):
    lazy, again, folder = lazy_set
    for path in files(folder / "features-1"):
        path.unlink()
    assert same(lazy[2], features(lazy.spec, _image(2), seed=2))
    assert again == ["2.jpg"]


def test_a_subset_keeps_order_and_says_where_its_images_came_from(lazy_set):
    lazy, _, _ = lazy_set
    some = lazy.subset([3, 0])
    assert some.indices == (3, 0)
    assert [ref.name for ref in some.refs] == ["3.jpg", "0.jpg"]
    assert some[0].image_sha256 == _image(3)


def test_a_cache_beside_shares_the_folder_and_leaves_the_memory_alone(tmp_path):
    cache = FeatureCache(tmp_path)
    first, second = features(spec_of(KEY)), features(spec_of(KEY), image="b" * 64)
    cache.put(first)
    held = cache.stats().memory_bytes
    beside = cache.beside(10_000)
    beside.put(second)
    assert same(beside.get(IMAGE, first.spec), first)
    assert cache.stats().memory_bytes == held
    assert beside.stats().memory_bytes <= 10_000
    assert same(cache.get("b" * 64, second.spec), second)
    assert FeatureCache(None).beside(10_000).folder is None


def _age(folder, step):
    """Makes every entry used an hour ago (-1) or an hour from now (1)."""
    for path in files(folder):
        time = path.stat().st_mtime + 3600 * step
        os.utime(path, (time, time))


def test_what_was_just_written_is_not_evicted_even_where_the_clock_says_it_is_oldest(tmp_path):
    spec = spec_of(KEY, saliency_layer=None)
    FeatureCache(tmp_path).put(features(spec, _image(0)))
    size = files(tmp_path)[0].stat().st_size
    cache = FeatureCache(tmp_path, disk_bytes=3 * size, memory_bytes=0)
    for number in (1, 2):
        cache.put(features(spec, _image(number)))
    _age(tmp_path, 1)  # written by a machine whose clock is ahead
    assert cache.put(features(spec, _image(3)))
    left = [number for number in range(4) if cache.get(_image(number), spec) is not None]
    assert 3 in left
    assert len(left) == 2  # a tenth of three is to be free
    assert cache.stats().disk_bytes == 2 * size


def test_an_entry_larger_than_the_folder_s_bound_does_not_stay(tmp_path):
    made = features(spec_of(KEY, saliency_layer=None))
    cache = FeatureCache(tmp_path, disk_bytes=100)
    assert not cache.put(made)
    assert files(tmp_path) == []
    assert cache.stats().disk_bytes == 0


def test_a_cleared_cache_holds_nothing_and_says_what_was_freed(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.put(features(spec_of(KEY, TOKEN)))
    held = sum(path.stat().st_size for path in files(tmp_path))
    assert cache.on_disk_bytes() == held
    assert cache.clear() == held
    assert files(tmp_path) == []
    assert cache.get(IMAGE, spec_of(KEY)) is None
    assert (cache.stats().memory_bytes, cache.stats().disk_bytes) == (0, 0)
    assert FeatureCache(None).clear() == 0


def test_what_is_there_is_known_without_reading(tmp_path):
    made = features(spec_of(KEY, saliency_layer=None))
    for cache, elsewhere in ((FeatureCache(tmp_path), True), (FeatureCache(None), False)):
        assert not cache.has(IMAGE, made.spec)
        cache.put(made)
        assert cache.has(IMAGE, made.spec)
        assert not cache.has(IMAGE, spec_of(KEY, TOKEN, saliency_layer=None))
        assert cache.on_disk(IMAGE, made.spec) is elsewhere
        cache.forget()
        assert cache.has(IMAGE, made.spec) is elsewhere


def test_a_digest_is_remembered_until_the_file_changes(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(b"one")
    cache, ref = FeatureCache(None), ImageRef(file, "a.png")
    assert cache.image_digest(ref) is None
    cache.remember_digest(fingerprint(file), "d" * 64)
    assert cache.image_digest(ref) == "d" * 64
    file.write_bytes(b"longer")
    assert cache.image_digest(ref) is None
    gone = ImageRef(tmp_path / "gone.png", "gone.png")
    cache.remember_digest(fingerprint(gone.path), "e" * 64)
    assert cache.image_digest(gone) is None


def test_a_file_that_is_replaced_by_one_of_the_same_length_and_time_is_another(tmp_path):
    file, other = tmp_path / "a.png", tmp_path / "b.png"
    for path, data in ((file, b"one"), (other, b"two")):
        path.write_bytes(data)
        os.utime(path, (1_000_000, 1_000_000))
    cache, ref = FeatureCache(None), ImageRef(file, "a.png")
    cache.remember_digest(fingerprint(file), "d" * 64)
    other.replace(file)
    assert cache.image_digest(ref) is None


def test_what_is_put_in_a_files_place_while_it_is_read_is_not_taken_for_it(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(b"one")
    cache, mark = FeatureCache(None), fingerprint(file)
    file.write_bytes(b"longer")
    cache.remember_digest(mark, "d" * 64)
    assert cache.image_digest(ImageRef(file, "a.png")) is None
