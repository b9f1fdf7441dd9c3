"""Parts of a whole set merged, split and dropped on their centroids."""

import numpy as np
import pytest

from counterpart.core.errors import UsageError
from counterpart.core.jobs import silent
from counterpart.core.parts import PartsParams, apply_codebook, discover_parts
from counterpart.core.parts.part_changes import drop_parts, merge_parts, split_part
from tests.core.synthetic import scene_set


@pytest.fixture
def found():
    maps, segments = scene_set(5)
    inside = [np.asarray(s) >= 2 for s in segments]
    return maps, inside, discover_parts(maps, inside, PartsParams(k=2), silent())


def test_merged_parts_are_one_in_every_image(found):
    maps, inside, result = found
    merged = merge_parts(result.codebook, [2, 1])
    assert merged.names == (result.codebook.names[1],)
    assert merged.colours == (result.codebook.colours[1],)
    for image, mask in zip(apply_codebook(maps, merged, silent(), inside).images, inside, strict=True):
        np.testing.assert_array_equal(image.labels, mask.astype(np.uint8))
    with pytest.raises(UsageError, match="one part alone"):
        merge_parts(result.codebook, [1, 1])
    with pytest.raises(UsageError, match="no part 9"):
        merge_parts(result.codebook, [1, 9])


def test_a_split_part_gives_back_what_was_merged(found):
    maps, inside, result = found
    merged = merge_parts(result.codebook, [1, 2])
    whole = apply_codebook(maps, merged, silent(), inside)
    book = split_part(maps, whole.images, merged, 1, silent())
    assert book.names == (merged.names[0], f"{merged.names[0]} 2")
    assert len(set(book.colours)) == 2
    again = apply_codebook(maps, book, silent(), inside)
    pairs = {
        (int(a), int(b))
        for new, old in zip(again.images, result.images, strict=True)
        for a, b in zip(new.labels.flat, old.labels.flat, strict=True)
    }
    assert len(pairs) == 3  # background and two parts, each one of the former


def test_too_little_of_a_part_cannot_be_split(found):
    maps, _, result = found
    nothing = apply_codebook(maps, result.codebook, silent(), [np.zeros(m.grid_hw, bool) for m in maps])
    with pytest.raises(UsageError, match="too little of part 1"):
        split_part(maps, nothing.images, result.codebook, 1, silent())


def test_a_dropped_part_joins_the_background(found):
    _, _, result = found
    book = drop_parts(result.codebook, [1])
    assert book.names == (result.codebook.names[1],)
    dropped, _ = result.codebook.prototypes_of([0])
    np.testing.assert_array_equal(book.background[-len(dropped) :], dropped)
    with pytest.raises(UsageError, match="no part would be left"):
        drop_parts(book, [1])
