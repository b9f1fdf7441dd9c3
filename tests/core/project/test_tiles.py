"""Label maps survive packing bit by bit, and damage is noticed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from counterpart.core.project.tiles import (
    TILE,
    TileDamagedError,
    decode_tile,
    encode_tile,
    pack_labels,
    relabel_tile,
    tile_boxes,
    tile_counts,
    tiles_bbox,
    uniform_tile,
    unpack_into,
)

small_labels = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16]),
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=24),
    elements=st.integers(0, 255),
    fill=st.integers(0, 3),
)


def blocks(shape, seed, parts=6):
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    for part in range(1, parts):
        top, left = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        labels[top : top + rng.integers(1, shape[0] + 1), left : left + rng.integers(1, shape[1] + 1)] = part
    return labels


@given(small_labels)
def test_a_tile_comes_back_as_it_was(labels):
    back = decode_tile(encode_tile(labels))
    assert np.array_equal(back, labels)
    assert back.dtype == np.uint8


@given(small_labels)
def test_a_blob_tells_how_many_pixels_each_label_has(labels):
    numbers, counts = np.unique(labels, return_counts=True)
    assert tile_counts(encode_tile(labels)) == dict(zip(numbers.tolist(), counts.tolist(), strict=True))


@pytest.mark.parametrize("label", [0, 1, 255, 256, 65_535])
def test_a_tile_of_one_label_is_the_same_blob_however_it_is_made(label):
    for dtype in (np.uint8, np.uint16):
        if label <= np.iinfo(dtype).max:
            assert encode_tile(np.full((37, 256), label, dtype)) == uniform_tile(label, (37, 256))


def test_ids_above_255_keep_their_sixteen_bits():
    labels = np.array([[0, 300], [65_535, 7]], np.uint16)
    assert np.array_equal(decode_tile(encode_tile(labels)), labels)
    assert pack_labels(labels).unpack().dtype == np.uint16


@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 50))
def test_an_image_of_any_size_comes_back_as_it_was(height, width, seed):
    labels = blocks((height, width), seed)
    packed = pack_labels(labels)
    assert np.array_equal(packed.unpack(), labels)
    assert packed.areas == {int(k): int((labels == k).sum()) for k in np.unique(labels) if k}


def test_noise_costs_no_more_than_its_pixels():
    noise = np.random.default_rng(0).integers(0, 256, (TILE, TILE)).astype(np.uint8)
    blob = encode_tile(noise)
    assert np.array_equal(decode_tile(blob), noise)
    assert len(blob) < noise.nbytes * 1.01


def test_background_costs_nothing():
    assert pack_labels(np.zeros((3000, 2000), np.uint8)).tiles == {}


@given(small_labels, st.randoms(use_true_random=False))
def test_relabelling_a_blob_is_relabelling_its_pixels(labels, random):
    table = np.array([random.randrange(0, 4) for _ in range(256)], np.uint8)
    table[0] = 0
    blob = relabel_tile(encode_tile(labels), table)
    expected = table[labels]
    if blob is None:
        assert not expected.any()
    else:
        assert np.array_equal(decode_tile(blob), expected)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_is_noticed_or_harmless(position, value):
    labels = blocks((200, 200), 3)
    blob = bytearray(encode_tile(labels))
    blob[position % len(blob)] = value
    out = np.zeros((200, 200), np.uint8)
    try:
        unpack_into(out, [(0, bytes(blob))])
    except TileDamagedError:
        return
    assert np.array_equal(out, labels)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_damage_not_a_crash(data):
    with pytest.raises(TileDamagedError):
        decode_tile(data)


def test_a_truncated_blob_is_damage():
    blob = encode_tile(blocks((200, 200), 1))
    for length in range(len(blob)):
        with pytest.raises(TileDamagedError):
            decode_tile(blob[:length])


def test_a_tile_of_the_wrong_size_is_damage():
    with pytest.raises(TileDamagedError):
        unpack_into(np.zeros((10, 10), np.uint8), [(0, encode_tile(np.ones((9, 10), np.uint8)))])


def test_a_box_touches_only_its_tiles():
    numbers = [number for number, _ in tile_boxes((1000, 1000), (200, 500, 300, 520))]
    assert numbers == [1, 2, 5, 6]
    assert tiles_bbox((1000, 1000), numbers) == (0, 256, 512, 768)
    assert tiles_bbox((1000, 1000), [15]) == (768, 768, 1000, 1000)


@pytest.mark.parametrize("bad", [np.zeros(3, np.uint8), np.full((2, 2), -1), np.full((2, 2), 70_000), np.ones((2, 2))])
def test_what_is_no_label_map_is_refused(bad):
    with pytest.raises(ValueError, match=r"label"):
        pack_labels(bad)
