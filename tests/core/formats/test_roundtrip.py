"""What is exported and imported again is what it was, in every format, as far as the format can hold it."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import FormatError, JobCancelledError, OutputError, UsageError
from counterpart.core.formats import FORMATS, ExportOptions, export_project, format_named, import_into
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import CancelToken, JobContext, silent
from counterpart.core.project.commands import (
    AddInstance,
    AddPart,
    AddSkeleton,
    DeleteParts,
    LockMatches,
    ReplaceMasks,
    ReplaceMatches,
    SetMatchState,
)
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, MatchSet, MatchState, Origin, Skeleton

ROOT = Path(__file__).resolve().parents[3]
SIZES = {
    "a.jpg": (70, 90),
    "sub/ünï 图.png": (64, 48),
    "sub/b.jpg": (300, 270),
    "sub/b.png": (33, 57),
    "z none.jpg": (20, 20),
}
DOG = Skeleton(("nose", "left ear", "right ear", "tail & <base>"), ((0, 1), (0, 2)), (), ((1, 2),), "dog")

MASKS = [name for name, entry in FORMATS.items() if "masks" in entry.holds]
POINTS = [name for name, entry in FORMATS.items() if "keypoints" in entry.holds]
VISIBILITY = {"labelme", "cvat", "coco-keypoints", "yolo-pose", "csv"}
BOXES = {"labelme", "coco-keypoints", "yolo-pose"}
MULTI = set(POINTS) - {"spair"}
EXACT = {"coco-keypoints", "csv", "deeplabcut", "spair", "sleap"}


def ragged(hw, seed, parts):
    """Ragged pieces with holes and single pixels, some of them touching at corners."""
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.integers(0, len(parts) + 1, (hw[0] // 9 + 1, hw[1] // 9 + 1)), np.ones((9, 9), np.int64))
    labels = np.array([0, *parts])[coarse[: hw[0], : hw[1]]]
    noise = rng.random(hw) < 0.03
    labels[noise] = np.array([0, *parts])[rng.integers(0, len(parts) + 1, int(noise.sum()))]
    return labels.astype(np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name, hw in SIZES.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(rng.integers(0, 255, (*hw, 3)).astype(np.uint8)).save(folder / name)
    return folder


def opened(photos):
    document = Document.untitled()
    document.add_images(find_images([photos]))
    return document


@pytest.fixture
def project(photos):
    """Three images with masks (parts 1, 3, 4; part 2 was deleted), two with instances, one pair with matches."""
    document = opened(photos)
    by_name = {record.name: record.id for record in document.images()}
    for name in ("wing", "gone", "Schwänzchen 尾", 'a:b, <c> & "d"'):
        document.apply(AddPart(name))
    document.apply(DeleteParts([2]))
    masks = {by_name[name]: ragged(SIZES[name], seed, (1, 3, 4)) for seed, name in enumerate(list(SIZES)[:4])}
    document.apply(ReplaceMasks(masks))
    document.apply(AddSkeleton(DOG))
    first = KeypointSet.make(
        [[10.25, 20.5], [30, 40.125], [50, 60], [np.nan, np.nan]], [2, 1, 2, 0], box=(4.5, 9.5, 60, 55), skeleton=1
    )
    second = KeypointSet.make([[5, 6], [np.nan, np.nan], [7.75, 8], [40, 30]], skeleton=1)
    predicted = dataclasses.replace(
        KeypointSet.make([[11, 12], [13, 14], [15, 16], [17, 18]], origin=Origin.TRANSFERRED, skeleton=1),
        score=np.array([0.5, 0.25, 1, 0.75]),
    )
    document.apply(AddInstance(by_name["a.jpg"], first))
    document.apply(AddInstance(by_name["a.jpg"], second))
    document.apply(AddInstance(by_name["sub/b.jpg"], predicted))
    pair = (by_name["a.jpg"], by_name["sub/b.jpg"])
    matches = MatchSet.make(*pair, [[1.5, 2], [3, 4], [5, 6]], [[7, 8], [9, 10.25], [11, 12]], [0.9, np.nan, 0.5])
    document.apply(ReplaceMatches([matches]))
    document.apply(SetMatchState(*pair, [1], MatchState.ACCEPTED))
    document.apply(SetMatchState(*pair, [2], MatchState.REJECTED))
    document.apply(LockMatches(*pair, [1]))
    return document


def target(name, tmp_path):
    return tmp_path / f"out{FORMATS[name].suffix}"


def exported(project, name, tmp_path, **options):
    return export_project(project, name, target(name, tmp_path), ExportOptions(**options), silent())


def labels_by_name(document):
    """Names of parts at every pixel, by image."""
    names = {0: "", **{part.id: part.name for part in document.parts}}
    table = np.array([names.get(value, "?") for value in range(max(names) + 1)])
    found = {}
    for record in document.images():
        label_map = document.label_map(record.id)
        if label_map is not None:
            found[record.name] = table[label_map.labels]
    return found


# Masks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("polygons", [False, True])
@pytest.mark.parametrize("name", MASKS)
def test_masks_come_back_bit_by_bit(name, polygons, project, photos, tmp_path):
    report = exported(project, name, tmp_path, polygons=polygons)
    assert report.images == 4
    assert report.annotations >= 12
    assert ("z none.jpg", "it has no labels") in report.skipped or any("z none" in who for who, _ in report.skipped)
    again = opened(photos)
    result = import_into(again, target(name, tmp_path), name, silent())
    assert result.skipped == []
    assert result.images == 4
    expected, found = labels_by_name(project), labels_by_name(again)
    if name == "voc":  # the separator of its label map
        expected = {
            image: np.where(labels == 'a:b, <c> & "d"', 'a b, <c> & "d"', labels) for image, labels in expected.items()
        }
    assert expected.keys() == found.keys()
    for image in expected:
        assert np.array_equal(expected[image], found[image]), image
    assert set(result.added_parts) <= {part.name for part in again.parts}
    assert again.image(again.find_image("a.jpg").id).state == "edited"
    assert set(again.label_map(again.find_image("a.jpg").id).states.values()) == {"edited"}


@pytest.mark.parametrize("name", ["indexed-png", "npz", "voc", "coco", "cvat"])
def test_colours_come_back(name, project, photos, tmp_path):
    exported(project, name, tmp_path)
    again = opened(photos)
    import_into(again, target(name, tmp_path), name, silent())
    wing = next(part for part in again.parts if part.name == "wing")
    assert wing.colour == project.part(1).colour


@pytest.mark.parametrize("name", MASKS)
def test_a_second_export_gives_the_same_category_ids_after_a_part_was_deleted(name, project, tmp_path):
    exported(project, name, tmp_path / "1")
    project.apply(DeleteParts([1]))
    exported(project, name, tmp_path / "2")
    first, second = (_ids_of(name, tmp_path / number) for number in "12")
    assert second.items() <= first.items()
    assert set(first) - set(second) == {"wing"}


def _ids_of(name, folder):
    """Category numbers by part name, as a file says them."""
    import json

    import yaml

    path = target(name, folder)
    if name == "indexed-png":
        return {part["name"]: part["id"] for part in json.loads((path / "labels.json").read_text())["parts"]}
    if name == "coco":
        return {entry["name"]: entry["id"] for entry in json.loads(path.read_text())["categories"]}
    if name == "yolo-seg":
        names = yaml.safe_load((path / "data.yaml").read_text())["names"]
        return {text: number for number, text in names.items() if not text.startswith("unused-")}
    if name == "npz":
        with np.load(path) as arrays:
            return {part["name"]: part["id"] for part in json.loads(str(arrays["__parts__"]))}
    if name == "voc":
        lines = (path / "labelmap.txt").read_text().splitlines()[1:]
        return {line.rsplit(":", 3)[0]: number for number, line in enumerate(lines) if number and "unused" not in line}
    # Formats that know classes by name only.
    return {"wing": 1, "others": 2} if "wing" in _text(path) else {"others": 2}


def _text(path):
    files = [path] if path.is_file() else sorted(path.rglob("*.json"))
    return "".join(file.read_text() for file in files)


def test_two_images_of_one_stem_keep_their_own_masks(project, tmp_path):
    exported(project, "indexed-png", tmp_path)
    out = target("indexed-png", tmp_path)
    assert (out / "sub/b.jpg.png").is_file()
    assert (out / "sub/b.png.png").is_file()
    with Image.open(out / "a.png") as picture:
        assert picture.mode == "P"
        palette = picture.getpalette()
        assert tuple(palette[3:6]) == project.part(1).colour
        assert np.array_equal(np.asarray(picture), project.label_map(project.find_image("a.jpg").id).labels)


def test_what_a_person_drew_is_kept_unless_asked(project, photos, tmp_path):
    exported(project, "coco", tmp_path)
    again = opened(photos)
    again.apply(AddPart("wing"))
    number = again.find_image("a.jpg").id
    from counterpart.core.project.commands import Paint

    again.apply(Paint(number, 1, (0, 0, 20, 20), np.ones((20, 20), np.bool_), hw=(70, 90)))
    import_into(again, target("coco", tmp_path), "coco", silent())
    labels = labels_by_name(again)["a.jpg"]
    assert (labels[:20, :20] == "wing").all()
    assert (labels[20:] != "wing").all()
    import_into(again, target("coco", tmp_path), "coco", silent(), overwrite=True)
    assert np.array_equal(labels_by_name(again)["a.jpg"], labels_by_name(project)["a.jpg"])


def test_an_import_is_one_step_and_undone_as_one(project, photos, tmp_path):
    from counterpart.core.formats import plan_import
    from counterpart.core.project.history import History
    from tests.core.project_tools import everything

    exported(project, "coco", tmp_path)
    again = opened(photos)
    before = everything(again)
    history = History(again)
    history.push(plan_import(again, target("coco", tmp_path), "coco", silent()))
    assert history.undo_text == "Import out.json"
    assert len(again.parts) == 3
    history.undo()
    assert everything(again) == before


def test_images_that_are_not_in_the_project_are_added_when_their_files_are_found(project, photos, tmp_path):
    exported(project, "coco", tmp_path)
    empty = Document.untitled()
    with pytest.raises(FormatError, match=r"nothing in it could be taken over: a\.jpg: .* \(and 3 more\)"):
        import_into(empty, target("coco", tmp_path), "coco", silent())
    result = import_into(empty, target("coco", tmp_path), "coco", silent(), root=photos)
    assert sorted(result.added_images) == sorted(list(SIZES)[:4])
    assert empty.image_path(empty.find_image("sub/b.jpg").id) == photos / "sub" / "b.jpg"
    assert np.array_equal(labels_by_name(empty)["a.jpg"], labels_by_name(project)["a.jpg"])


def test_overlaps_are_reported(photos, tmp_path):
    import json

    ring = [0, 0, 20, 0, 20, 20, 0, 20]
    data = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 90, "height": 70}],
        "categories": [{"id": 5, "name": "x"}, {"id": 900_000, "name": "y"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 5, "segmentation": [ring]},
            {"id": 2, "image_id": 7, "category_id": 900_000, "segmentation": [[v + 10 for v in ring]]},
            {"id": 3, "image_id": 7, "category_id": 5, "segmentation": [], "bbox": [1, 2, 3, 4]},
        ],
    }
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data))
    document = opened(photos)
    result = import_into(document, path, "coco", silent())
    assert result.lost == [("a.jpg", "100 pixels where masks overlap: the later one was taken")]
    assert result.skipped == [("x.json", "1 annotation is a box alone, with neither a mask nor keypoints")]
    assert document.label_map(document.find_image("a.jpg").id).areas() == {1: 300, 2: 400}


# Keypoints ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POINTS)
def test_points_come_back_exactly(name, project, photos, tmp_path):
    report = exported(project, name, tmp_path)
    assert report.images == (4 if name in MASKS else 2)
    again = opened(photos)
    if name in ("tps", "yolo-pose", "deeplabcut", "labelme"):
        again.apply(AddSkeleton(DOG))  # formats without the skeleton's name or points that are nowhere
    result = import_into(again, target(name, tmp_path), name, silent())
    assert result.skipped == []
    (skeleton,) = again.skeletons
    assert skeleton.names == DOG.names
    tolerance = 0 if name in EXACT else 2e-5
    for image in ("a.jpg", "sub/b.jpg"):
        before = project.keypoints(project.find_image(image).id)
        after = again.keypoints(again.find_image(image).id)
        if name not in MULTI:
            before = before[:1]
        assert len(after) == len(before)
        for old, new in zip(before, after, strict=True):
            assert np.array_equal(old.present, new.present)
            assert np.abs(old.xy[old.present] - new.xy[new.present]).max() <= tolerance
            expected = old.visibility if name in VISIBILITY else np.where(old.present, 2, 0)
            assert np.array_equal(new.visibility, expected)
            if name in BOXES and old.box is not None:
                assert np.allclose(new.box, old.box, atol=1e-4)


@pytest.mark.parametrize("name", ["coco-keypoints", "sleap", "yolo-pose", "cvat"])
def test_a_skeleton_comes_back_with_its_edges_or_pairs(name, project, photos, tmp_path):
    exported(project, name, tmp_path)
    again = opened(photos)
    import_into(again, target(name, tmp_path), name, silent())
    (skeleton,) = again.skeletons
    assert skeleton.name == "dog"
    assert skeleton.names == DOG.names
    if name != "yolo-pose":
        assert skeleton.edges == DOG.edges
    if name != "cvat":
        assert skeleton.mirror_pairs == DOG.mirror_pairs


@pytest.mark.parametrize("name", ["coco-keypoints", "csv", "sleap"])
def test_scores_and_origins_come_back(name, project, photos, tmp_path):
    exported(project, name, tmp_path)
    again = opened(photos)
    import_into(again, target(name, tmp_path), name, silent())
    (points,) = again.keypoints(again.find_image("sub/b.jpg").id)
    assert points.score.tolist() == pytest.approx([0.5, 0.25, 1, 0.75])
    assert (points.origin == Origin.TRANSFERRED).all()
    first = again.keypoints(again.find_image("a.jpg").id)[0]
    assert (first.origin[first.present] == Origin.USER).all()


def test_importing_twice_makes_no_doubles(project, photos, tmp_path):
    exported(project, "coco-keypoints", tmp_path)
    again = opened(photos)
    for _ in range(2):
        import_into(again, target("coco-keypoints", tmp_path), "coco-keypoints", silent())
    assert len(again.keypoints(again.find_image("a.jpg").id)) == 2
    assert len(again.skeletons) == 1


def test_points_find_their_keypoints_by_name_in_a_skeleton_of_another_order(project, photos, tmp_path):
    exported(project, "coco-keypoints", tmp_path)
    again = opened(photos)
    order = (3, 0, 2, 1)
    again.apply(AddSkeleton(Skeleton((*(DOG.names[k] for k in order), "more"), name="dog")))
    import_into(again, target("coco-keypoints", tmp_path), "coco-keypoints", silent())
    assert len(again.skeletons) == 1
    (points,) = again.keypoints(again.find_image("sub/b.jpg").id)
    assert points.xy[:4].tolist() == [[17, 18], [11, 12], [15, 16], [13, 14]]
    assert points.visibility.tolist() == [2, 2, 2, 2, 0]


# Matches ------------------------------------------------------------------------------------------------------------


def test_matches_come_back_with_score_and_verdict(project, photos, tmp_path):
    report = exported(project, "matches", tmp_path)
    assert (report.images, report.annotations) == (2, 3)
    again = opened(photos)
    import_into(again, target("matches", tmp_path), "matches", silent())
    pair = [again.find_image(name).id for name in ("a.jpg", "sub/b.jpg")]
    old = project.matches(*[project.find_image(name).id for name in ("a.jpg", "sub/b.jpg")])
    new = again.matches(*pair)
    for field in ("xy_a", "xy_b", "score", "cycle_error", "state", "locked"):
        assert np.array_equal(getattr(old, field), getattr(new, field), equal_nan=field in ("score", "cycle_error")), (
            field
        )


def test_accepted_matches_come_back_from_the_spair_layout(project, photos, tmp_path):
    exported(project, "spair", tmp_path)
    again = opened(photos)
    import_into(again, target("spair", tmp_path), "spair", silent())
    matches = again.matches(*[again.find_image(name).id for name in ("a.jpg", "sub/b.jpg")])
    assert matches.xy_a.tolist() == [[3, 4]]
    assert matches.xy_b.tolist() == [[9, 10.25]]
    assert matches.state.tolist() == [MatchState.ACCEPTED]


# The rest -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(FORMATS))
def test_cancelling_leaves_the_target_as_it_was(name, project, tmp_path):
    token = CancelToken()
    token.cancel()
    with pytest.raises(JobCancelledError):
        export_project(project, name, target(name, tmp_path), ExportOptions(), JobContext(token=token))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", list(FORMATS))
def test_an_empty_project_is_exported_or_refused_in_words(name, photos, tmp_path):
    document = opened(photos)
    if name in ("deeplabcut", "yolo-pose", "tps"):
        with pytest.raises(UsageError, match="no skeleton"):
            exported(document, name, tmp_path)
        return
    report = exported(document, name, tmp_path)
    assert report.images == 0
    assert len(report.skipped) == len(SIZES)
    assert report.as_dict()["format"] == name


def test_only_some_images_are_exported(project, tmp_path):
    number = project.find_image("a.jpg").id
    report = exported(project, "indexed-png", tmp_path, image_ids=(number,))
    assert report.images == 1
    report = exported(project, "coco-keypoints", tmp_path, states=("reviewed",))
    assert report.images == 0
    assert report.skipped == []


@pytest.mark.parametrize("name", ["yolo-seg", "yolo-pose", "voc", "spair"])
def test_images_are_copied_on_request(name, project, tmp_path):
    exported(project, name, tmp_path, copy_images=True)
    copies = [
        file
        for file in target(name, tmp_path).rglob("*")
        if file.suffix in (".jpg", ".png") and "Class" not in str(file)
    ]
    assert len(copies) >= 2
    for file in copies:
        with Image.open(file) as image:
            assert image.size in {(w, h) for h, w in SIZES.values()}


def test_a_damaged_image_is_named_and_the_rest_is_exported(project, tmp_path):
    number = project.find_image("sub/b.jpg").id
    store = project._store
    key, row = next(iter(store.find("label_tiles", "image", number).items()))
    store.put({("label_tiles", key): (row[0][:-3],)})
    report = exported(project, "coco", tmp_path)
    assert report.images == 3
    assert any(name == "sub/b.jpg" and "damaged" in reason for name, reason in report.skipped)


def test_an_existing_folder_of_somebody_elses_is_not_overwritten(project, tmp_path):
    out = target("indexed-png", tmp_path)
    out.mkdir()
    (out / "a.png").write_text("mine")
    with pytest.raises(OutputError, match="not written by an export"):
        exported(project, "indexed-png", tmp_path)
    assert [path.name for path in out.iterdir()] == ["a.png"]


def test_an_unknown_format_lists_those_there_are():
    with pytest.raises(UsageError, match=r"coco-keypoints"):
        format_named("cocoa")


def test_a_format_error_names_the_file(photos, tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"images": [\n oops')
    with pytest.raises(FormatError, match="line 2, column 2") as caught:
        import_into(opened(photos), path, "coco", silent())
    assert caught.value.path == path


def test_opening_editing_and_exporting_need_no_torch_and_no_qt(tmp_path):
    code = """
import sys
from pathlib import Path
import numpy as np
from counterpart.core.formats import FORMATS, ExportOptions, export_project, import_into
from counterpart.core.jobs import silent
from counterpart.core.project.commands import Paint
from counterpart.core.project.document import Document
from tests.core.project_tools import filled

folder = Path(sys.argv[1])
filled(Document.new(folder / "p.counterpart"), folder).close()
document = Document.open(folder / "p.counterpart")
document.apply(Paint(1, 1, (0, 0, 9, 9), np.ones((9, 9), bool)))
for name in ("coco", "indexed-png", "cvat", "labelme", "npz", "voc", "yolo-seg", "coco-keypoints"):
    out = folder / f"out-{name}{FORMATS[name].suffix}"
    export_project(document, name, out, ExportOptions(), silent())
    import_into(document, out, name, silent()) if name != "coco-keypoints" else None
heavy = {"torch", "torchvision", "timm", "faiss", "onnx", "PySide6", "shiboken6", "pyqtgraph", "pandas", "sleap_io"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
