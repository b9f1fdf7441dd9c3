"""Matching two files with a model: a picture agrees with its copy, and a file that cannot be read is the error."""

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import ImageError
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import JobContext, silent
from counterpart.core.pipeline.engine import Engine
from counterpart.core.pipeline.matches.matching import MatchJob, match_images, match_points
from tests.core.backbone_tiny import install_tiny, photo


@pytest.fixture
def engine(tmp_path, monkeypatch):
    return Engine(install_tiny(monkeypatch, tmp_path / "models"), "cpu", "float32", "none")


@pytest.fixture
def refs(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        Image.fromarray(photo(48, 64, seed)).save(folder / name)
    return find_images([folder])


def test_places_of_a_picture_are_found_again_where_they_were_in_its_copy(engine, refs):
    job = MatchJob.for_engine(engine)
    run = match_points(engine, refs[0], refs[1], [(20.0, 30.0), (50.0, 11.0)], job, silent())
    assert run.image_hw_a == run.image_hw_b == (48, 64)
    # Found between tokens: the best place is known to a fraction of their distance.
    np.testing.assert_allclose(run.matches.xy_b, [[20.0, 30.0], [50.0, 11.0]], atol=job.stride / 8)
    tokens = match_images(engine, refs[0], refs[1], job, silent()).matches  # token by token they are the same
    assert len(tokens)
    np.testing.assert_allclose(tokens.xy_b, tokens.xy_a, atol=1e-6)
    np.testing.assert_allclose(tokens.score, 1.0, atol=1e-3)


def test_as_many_pairs_are_found_as_asked_for_at_most_and_none_outside(engine, refs):
    job = MatchJob.for_engine(engine, pairs=3)
    found = match_images(engine, refs[0], refs[2], job, silent()).matches
    assert len(found) <= 3
    for xy in (found.xy_a, found.xy_b):
        assert ((xy >= -0.5) & (xy <= [63.5, 47.5])).all()


def test_an_image_that_cannot_be_read_is_the_error_and_no_failure_of_a_batch(engine, refs):
    refs[1].path.write_bytes(b"no picture")
    ctx = JobContext()
    with pytest.raises(ImageError) as raised:
        match_images(engine, refs[0], refs[1], MatchJob.for_engine(engine), ctx)
    assert raised.value.path == refs[1].path
    assert not ctx.failures
