"""Files that are no good: an error with a cause and a hint, or a result that names what was left out; never a crash."""

import json
import random
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from counterpart.core.errors import CounterpartError, FormatError
from counterpart.core.formats import FORMATS, ExportOptions, export_project, import_into
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import silent
from counterpart.core.project.commands import AddInstance, AddPart, AddSkeleton, ReplaceMasks, ReplaceMatches
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, MatchSet, Skeleton

READABLE = [name for name, entry in FORMATS.items() if entry.read is not None]
FILES = [name for name in READABLE if not FORMATS[name].is_folder]


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """A folder of photos, and one good export in every format."""
    folder = tmp_path_factory.mktemp("samples")
    (folder / "photos").mkdir()
    for name in ("a.jpg", "b.png"):
        Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(folder / "photos" / name)
    document = opened(folder)
    labels = np.zeros((40, 50), np.uint8)
    labels[5:30, 8:40], labels[10:20, 15:25] = 1, 2
    document.apply(AddPart("wing"))
    document.apply(AddPart("body"))
    document.apply(ReplaceMasks({1: labels, 2: labels}))
    document.apply(AddSkeleton(Skeleton(("nose", "ear"), name="bird")))
    for image in (1, 2):
        document.apply(AddInstance(image, KeypointSet.make([[3, 4], [5, 6.5]], box=(1, 2, 30, 20))))
    document.apply(ReplaceMatches([MatchSet.make(1, 2, [[1, 2]], [[3, 4]], state=1)]))
    for name in READABLE:
        export_project(document, name, folder / f"{name}{FORMATS[name].suffix}", ExportOptions(), silent())
    return folder


def opened(folder):
    document = Document.untitled()
    document.add_images(find_images([folder / "photos"]))
    return document


def attempt(folder, path, name):
    """Import; whatever is wrong is said in an error with a hint, or in the report."""
    document = opened(folder)
    try:
        report = import_into(document, path, name, silent())
    except CounterpartError as error:
        return error
    assert json.dumps(report.as_dict())
    return report


@pytest.mark.parametrize("name", READABLE)
def test_a_path_that_is_not_there_or_empty_is_named(name, samples, tmp_path):
    error = attempt(samples, tmp_path / "nothing.json", name)
    assert isinstance(error, FormatError)
    assert error.hint
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "empty", tmp_path / "folder"):
        found = attempt(samples, path, name)
        assert isinstance(found, FormatError) or found.annotations == 0


@pytest.mark.parametrize("name", READABLE)
def test_a_file_of_another_format_is_an_error_or_imports_nothing(name, samples):
    for other in READABLE:
        path = samples / f"{other}{FORMATS[other].suffix}"
        found = attempt(samples, path, name)
        if isinstance(found, FormatError):
            assert found.path is not None


def damaged_copy(source, target, rng):
    """A copy with one of its files cut, or with some bytes changed."""
    if source.is_dir():
        shutil.copytree(source, target)
        files = [file for file in sorted(target.rglob("*")) if file.is_file()]
    else:
        shutil.copyfile(source, target)
        files = [target]
    file = rng.choice(files)
    data = bytearray(file.read_bytes())
    kind = rng.randrange(3)
    if kind == 0:
        del data[rng.randrange(len(data) + 1) :]
    else:
        for _ in range(rng.randrange(1, 6)):
            if data:
                data[rng.randrange(len(data))] = (
                    rng.randrange(256) if kind == 1 else rng.choice(b'0123456789"[]{}<>,-eE ')
                )
    file.write_bytes(bytes(data))


@pytest.mark.parametrize("name", READABLE)
def test_damaged_files_never_crash(name, samples, tmp_path):
    rng = random.Random(name)
    for number in range(40):
        target = tmp_path / f"{number}{FORMATS[name].suffix}"
        damaged_copy(samples / f"{name}{FORMATS[name].suffix}", target, rng)
        attempt(samples, target, name)


JSON_FORMATS = ["coco", "coco-keypoints", "matches"]
junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.lists(st.integers(-5, 10**6), max_size=4),
)


def paths_into(value, at=()):
    yield at
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths_into(child, (*at, key))


@pytest.mark.parametrize("name", JSON_FORMATS)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_field_may_be_wrong_or_missing(name, samples, tmp_path, data):
    good = json.loads((samples / f"{name}.json").read_text())
    place = data.draw(st.sampled_from(list(paths_into(good))[1:]))
    parent = good
    for key in place[:-1]:
        parent = parent[key]
    if isinstance(parent, dict) and data.draw(st.booleans()):
        del parent[place[-1]]
    else:
        parent[place[-1]] = data.draw(junk)
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(good))
    attempt(samples, path, name)


def write(tmp_path, value):
    path = tmp_path / "x.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


IMAGE = {"id": 1, "file_name": "a.jpg", "width": 50, "height": 40}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("coco", '{"images": [', "line 1, column 13"),
        ("coco", 3, "expected an object with the field 'images'"),
        ("coco", {"categories": []}, "'images' is missing"),
        ("coco", [{"a": 1}], "this is not COCO: a list whose items are no annotations"),
        ("coco-keypoints", [{"image_id": 9, "bbox": [1, 2, 3, 4]}], "which images its ids mean is not known"),
        ("coco", {"images": 4, "annotations": []}, "images: expected a list"),
        (
            "matches",
            {"sets": [{"image_a": "a", "image_b": "b", "pairs": [{"xy_a": [1]}]}]},
            r"sets\[0\].pairs\[0\].xy_a",
        ),
    ],
)
def test_errors_name_the_record_and_the_field(name, value, words, samples, tmp_path):
    path = write(tmp_path, value)
    with pytest.raises(FormatError, match=words) as caught:
        import_into(opened(samples), path, name, silent())
    assert caught.value.path == path
    assert caught.value.hint


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ({"size": [41, 50], "counts": [2050]}, "50 x 41"),
        ({"size": [40, 50], "counts": [1, 2000]}, "cover 2001 pixels"),
        ({"size": [40, 50], "counts": "\x7f\x7f"}, "damaged"),
        ([[1, 2, 3, 4]], "three points"),
        ([[1, 2, 3, 4, 5, "x"]], "expected a number"),
        ({"size": [40, 50]}, "'counts' is missing"),
    ],
)
def test_a_damaged_mask_is_skipped_and_named_and_the_others_are_read(segmentation, words, samples, tmp_path):
    square = [[0, 0, 10, 0, 10, 10, 0, 10]]
    data = {
        "images": [IMAGE],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "segmentation": segmentation},
            {"image_id": 1, "category_id": 1, "segmentation": square},
        ],
    }
    document = opened(samples)
    report = import_into(document, write(tmp_path, data), "coco", silent())
    assert words in report.skipped[0][1]
    assert "annotations[0]" in report.skipped[0][1]
    assert document.label_map(1).areas() == {1: 100}


def test_an_image_too_large_to_be_true_is_refused_before_memory_is(samples, tmp_path):
    data = {
        "images": [IMAGE | {"width": 900_000, "height": 900_000}],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [{"image_id": 1, "category_id": 1, "segmentation": [[0, 0, 1, 0, 1, 1]]}],
    }
    with pytest.raises(FormatError, match="too large"):
        import_into(opened(samples), write(tmp_path, data), "coco", silent())


def test_an_import_that_fails_changes_nothing(samples, tmp_path):
    document = opened(samples)
    revision = document.revision
    with pytest.raises(FormatError):
        import_into(document, write(tmp_path, "{"), "coco", silent())
    assert document.revision == revision


def test_names_in_files_cannot_write_outside_the_target(samples, tmp_path):
    document = opened(samples)
    record = document.image(1)
    document._content.images[1] = type(record)(1, "../../evil.jpg", record.path, record.root)
    labels = np.ones((40, 50), np.uint8)
    document.apply(AddPart("x"))
    document.apply(ReplaceMasks({1: labels}))
    for name in ("indexed-png", "labelme", "yolo-seg", "voc"):
        export_project(document, name, tmp_path / "deep" / "out" / name, ExportOptions(), silent())
    written = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.startswith("deep/out/") for path in written)


def test_a_deeplabcut_h5_is_not_opened_because_it_can_run_code(samples, tmp_path):
    path = tmp_path / "CollectedData_x.h5"
    path.write_bytes(b"\x89HDF\r\n")
    error = attempt(samples, path, "deeplabcut")
    assert "can run code" in str(error)
    assert ".csv" in error.hint


def test_a_pickle_in_an_npz_is_not_loaded(samples, tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, **{"a.jpg": np.array([{"a": 1}], dtype=object)})
    document = opened(samples)
    with pytest.raises(FormatError, match=r"nothing in it could be taken over: a\.jpg: .* no label map"):
        import_into(document, path, "npz", silent())


def test_binary_masks_become_one_part(samples, tmp_path):
    mask = np.zeros((40, 50), np.uint8)
    mask[:10] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    Image.new("RGB", (50, 40), (9, 8, 7)).save(tmp_path / "masks" / "b.png")
    document = opened(samples)
    report = import_into(document, tmp_path / "masks", "indexed-png", silent())
    assert [part.name for part in document.parts] == ["object"]
    assert document.label_map(1).areas() == {1: 500}
    assert "in colour" in report.skipped[0][1]


def test_vocs_seam_becomes_background_and_is_counted(samples, tmp_path):
    labels = np.zeros((40, 50), np.uint8)
    labels[:10], labels[10:12] = 15, 255
    folder = tmp_path / "VOC2012" / "SegmentationClass"
    folder.mkdir(parents=True)
    Image.fromarray(labels).save(folder / "a.png")
    document = opened(samples)
    report = import_into(document, folder.parent, "voc", silent())
    assert [part.name for part in document.parts] == ["person"]
    assert report.lost == [("a.png", "100 unlabelled pixels became background")]


def test_points_that_nobody_grouped_become_instances_one_after_the_other(samples, tmp_path):
    def point(label, x):
        return {"label": label, "points": [[x, 5]], "shape_type": "point", "group_id": None}

    shapes = [
        point("nose", 1),
        point("ear", 2),
        point("nose", 3),
        {"label": "x", "points": [[0, 0], [9, 9]], "shape_type": "line"},
    ]
    path = write(tmp_path, {"shapes": shapes, "imagePath": "a.jpg", "imageHeight": 40, "imageWidth": 50})
    document = opened(samples)
    report = import_into(document, path, "labelme", silent())
    first, second = document.keypoints(1)
    assert first.xy.tolist() == [[0.5, 4.5], [1.5, 4.5]]
    assert second.present.tolist() == [True, False]
    assert report.lost == [("x.json", "1 shapes of type line")]
