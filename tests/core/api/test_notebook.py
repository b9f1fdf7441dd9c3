"""`import counterpart`: what a notebook calls gives what the command line gives, and loads what it needs alone."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

import counterpart
from counterpart.core.errors import ImageError
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import silent
from counterpart.core.pipeline.matches.matching import MatchJob, match_images
from counterpart.core.pipeline.parts.discovery import PartsJob, find_parts
from tests.core.backbone_tiny import install_tiny, photo


@pytest.fixture
def engine(tmp_path, monkeypatch):
    return counterpart.Engine(install_tiny(monkeypatch, tmp_path / "models"), device="cpu", cache="none")


@pytest.fixture
def folder(tmp_path):
    """Three photographs, 96 × 80."""
    place = tmp_path / "photos"
    place.mkdir()
    for seed, name in enumerate(["a.png", "b.png", "c.png"]):
        Image.fromarray(photo(80, 96, seed)).save(place / name)
    return place


# Loading ------------------------------------------------------------------------------------------------------------


def _loaded(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_of_it():
    loaded = _loaded("import counterpart")
    assert {name for name in loaded if name.startswith("counterpart")} == {"counterpart"}
    assert "numpy" not in loaded


def test_a_project_and_an_engine_are_there_without_torch():
    code = "import counterpart\ncounterpart.open_project().close()\ncounterpart.Engine(cache='none')"
    assert "torch" not in _loaded(code)


def test_every_public_name_is_there_and_no_other():
    assert set(counterpart.__all__) <= set(dir(counterpart))
    for name in counterpart.__all__:
        assert getattr(counterpart, name) is getattr(counterpart, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = counterpart.nothing


# Images -------------------------------------------------------------------------------------------------------------


def test_features_of_a_file_are_those_of_its_pixels(engine, folder):
    file = folder / "a.png"
    found = counterpart.features(file, engine, tap="2:token", size=None, stride=8)
    again = counterpart.features(photo(80, 96, 0), engine, tap="2:token", size=None, stride=8)
    assert found.descriptors().shape == (10, 12, 24)
    assert [str(tap) for tap in found.spec.taps] == ["2:token"]
    np.testing.assert_array_equal(found.descriptors(), again.descriptors())


def test_features_are_by_default_read_where_the_model_matches_points(engine, folder):
    spec = counterpart.features(folder / "a.png", engine).spec
    defaults = engine.defaults
    assert (spec.taps, spec.size, spec.stride) == ((defaults.match_tap,), defaults.points_size, defaults.points_stride)


def test_one_file_that_cannot_be_used_is_the_error_itself(engine, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError, match="does not exist") as raised:
            counterpart.features(tmp_path / "none.png", engine)
    assert raised.value.path == tmp_path / "none.png"


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), [1, 2]])
def test_what_is_no_image_is_refused(engine, wrong):
    with pytest.raises(counterpart.CounterpartError, match="not an image"):
        counterpart.features(wrong, engine)


# Sets ---------------------------------------------------------------------------------------------------------------


def test_parts_are_those_of_the_command_line(engine, folder, tmp_path):
    maps = counterpart.find_parts(folder, 2, engine)
    run = find_parts(engine, find_images([folder]), PartsJob.for_model(engine.defaults, 2), silent()).masks
    assert [file.name for file in maps.images] == ["a.png", "b.png", "c.png"]
    assert (dict(maps.names), maps.doubts, maps.note) == (run.names, run.doubts, run.note)
    assert len(maps) == 3
    for index, labels in enumerate(maps):
        assert labels.shape == (80, 96)
        np.testing.assert_array_equal(labels, run.labels(index, silent()))
    files = maps.save(tmp_path / "masks")
    with Image.open(files[1]) as picture:
        np.testing.assert_array_equal(np.asarray(picture), maps[1])
    assert len(maps[1:]) == 2


def test_a_codebook_finds_the_same_parts_with_its_own_model(engine, folder, tmp_path):
    maps = counterpart.find_parts(folder, 2, engine)
    assert maps.codebook is not None
    maps.save(tmp_path / "masks")
    (again,) = counterpart.find_parts(folder / "a.png", engine=engine, codebook=tmp_path / "masks/codebook.safetensors")
    known = counterpart.find_parts(folder / "a.png", codebook=maps.codebook)
    np.testing.assert_array_equal(again, known[0])
    assert tuple(known.names.values()) == maps.codebook.names


def test_an_image_that_cannot_be_used_is_named_in_a_warning_and_the_rest_is_done(engine, folder):
    (folder / "b.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match=r"b\.png"):
        maps = counterpart.find_object(folder, engine)
    assert [file.name for file in maps.images] == ["a.png", "c.png"]
    assert maps[0].max() <= 1


def test_progress_is_reported(engine, folder):
    seen = []
    counterpart.find_object(folder, engine, progress=seen.append)
    assert seen
    assert seen[-1].fraction == 1.0


# Points -------------------------------------------------------------------------------------------------------------


def test_matches_are_those_of_the_command_line_for_files_and_arrays(engine, folder):
    a, b = (find_images([folder / name])[0] for name in ("a.png", "b.png"))
    want = match_images(engine, a, b, MatchJob.for_engine(engine, 4), silent()).matches
    assert len(want) > 0
    for first in (a.path, photo(80, 96, 0)):
        found = counterpart.match(first, b.path, 4, engine)
        np.testing.assert_array_equal(found.xy_a, want.xy_a)
        np.testing.assert_array_equal(found.xy_b, want.xy_b)


def test_match_places_of_given_places_come_in_their_order(engine, folder):
    places = [[70.0, 20.0], [10.0, 60.0]]
    by_file = counterpart.match(folder / "a.png", folder / "b.png", engine=engine, at=places)
    by_array = counterpart.match(photo(80, 96, 0), photo(80, 96, 1), engine=engine, at=places)
    np.testing.assert_array_equal(by_file.xy_a, places)
    np.testing.assert_array_equal(by_file.xy_b, by_array.xy_b)
    with pytest.raises(counterpart.CounterpartError, match="outside the image"):
        counterpart.match(photo(80, 96, 0), photo(80, 96, 1), engine=engine, at=[[100.0, 0.0]])


def test_points_of_arrays_are_transferred_and_absent_ones_stay_absent(engine, folder):
    points = {folder / "a.png": [[20.0, 30.0], [np.nan, np.nan], [60.0, 40.0]]}
    with pytest.warns(UserWarning, match="no template shows ear"):
        run = counterpart.transfer(points, folder, engine, skeleton=["nose", "ear", "tail"])
    assert run.skeleton.names == ("nose", "ear", "tail")
    assert [item.ref.name for item in run.found] == ["a.png", "b.png", "c.png"]
    template, target = run.found[0], run.found[1]
    assert template.confirmed
    np.testing.assert_array_equal(template.prediction.xy[[0, 2]], [[20.0, 30.0], [60.0, 40.0]])
    assert (target.prediction.visibility > 0).tolist() == [True, False, True]


def test_templates_must_agree_with_their_names(engine, folder):
    with pytest.raises(counterpart.CounterpartError, match="templates of"):
        counterpart.transfer({folder / "a.png": [[1.0, 2.0]]}, folder, engine, skeleton=["nose", "tail"])


# Projects -----------------------------------------------------------------------------------------------------------


def test_parts_go_into_a_project_and_out_in_a_format(engine, folder, tmp_path):
    file = tmp_path / "set.counterpart"
    maps = counterpart.find_parts(folder, 2, engine)
    with counterpart.open_project(file, create=True) as project:
        maps.put_into(project)
        report = counterpart.export(project, tmp_path / "coco.json", "coco")
        assert report.images == sum(bool(labels.any()) for labels in maps)
    with counterpart.open_project(file, read_only=True) as project:
        assert len(project) == 3
        assert project.read_only


def test_a_project_that_is_not_there_is_made_only_when_asked(tmp_path):
    with pytest.raises(counterpart.CounterpartError):
        counterpart.open_project(tmp_path / "none.counterpart")
    assert not (tmp_path / "none.counterpart").exists()


def test_annotations_of_no_known_format_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with (
        counterpart.open_project() as project,
        pytest.raises(counterpart.CounterpartError, match="not recognised"),
    ):
        counterpart.import_annotations(project, tmp_path / "notes.txt")
