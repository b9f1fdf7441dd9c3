"""Small files that would take all memory or time, or lead the program astray: refused at once, and named."""

import io
import json
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from counterpart.core.errors import FormatError
from counterpart.core.formats import import_into
from counterpart.core.images.finding import find_images
from counterpart.core.jobs import silent
from counterpart.core.project.document import Document
from counterpart.core.project.tiles import pack_labels

BLOW_UP = 150 * 2**20
"""Bytes that none of these files may take."""


@pytest.fixture
def document(tmp_path):
    """A project of two images, of 50 x 40 pixels."""
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.png"):
        Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / "photos" / name)
    document = Document.untitled()
    document.add_images(find_images([tmp_path / "photos"]))
    return document


@pytest.fixture
def frugal():
    """Fails a test that takes much memory on its way."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < BLOW_UP


def refused(document, path, name, words):
    with pytest.raises(FormatError, match=words) as caught:
        import_into(document, path, name, silent())
    assert caught.value.path is not None
    assert caught.value.path.is_relative_to(path)
    assert caught.value.hint
    return caught.value


def yolo(tmp_path, settings, label="0 0.1 0.1 0.2 0.2 0.3 0.1\n"):
    folder = tmp_path / "yolo"
    (folder / "labels").mkdir(parents=True)
    (folder / "labels" / "a.txt").write_text(label)
    (folder / "data.yaml").write_text(settings)
    return folder


def test_yaml_that_stands_for_a_billion_words_is_refused(document, tmp_path, frugal):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    refused(document, yolo(tmp_path, "\n".join([*lines, "names: *a9\n"])), "yolo-seg", r"line 2: aliases \(\*a0\)")


def test_yaml_that_contains_itself_is_refused(document, tmp_path):
    refused(document, yolo(tmp_path, "names: &a [*a]\n"), "yolo-seg", "line 1: aliases")


def test_yaml_that_builds_objects_is_refused(document, tmp_path):
    settings = f"names: !!python/object/apply:os.mkdir [{tmp_path / 'made'}]\n"
    refused(document, yolo(tmp_path, settings), "yolo-seg", "line 1: this is not valid YAML")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("shape", ["[1.5, 3]", "[.nan, 3]", "[3]", "[0, 3]", "[99999, 3]", "[2, 4]", "3"])
def test_a_number_of_keypoints_that_is_none_is_refused(document, tmp_path, shape):
    refused(document, yolo(tmp_path, f"names: [x]\nkpt_shape: {shape}\n"), "yolo-pose", "kpt_shape")


@pytest.mark.parametrize(
    "counts", [[2**62] * 4 + [2000], [2**63 - 1, 2**63 - 1, 2002], [2**62] * 3 + [2**62 - 1, 2001]]
)
def test_runs_whose_sum_overflows_to_the_right_size_are_refused(document, tmp_path, counts):
    annotation = {"image_id": 1, "category_id": 1, "segmentation": {"size": [40, 50], "counts": counts}}
    path = tmp_path / "x.json"
    path.write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "a.jpg", "width": 50, "height": 40}],
                "categories": [{"id": 1, "name": "x"}],
                "annotations": [annotation],
            }
        )
    )
    with pytest.raises(FormatError, match=r"taken over: a\.jpg: annotations\[0\]\.segmentation\.counts: a run of"):
        import_into(document, path, "coco", silent())


def packed_npz(path, name, heading, zeros):
    """An archive whose one member unpacks to a heading and very many zeros."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, heading)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w", force_zip64=True) as out:
        out.write(header.getvalue())
        for _ in range(zeros // 2**22):
            out.write(bytes(2**22))


def test_an_archive_that_unpacks_to_more_than_the_memory_is_refused(document, tmp_path, frugal):
    path = tmp_path / "x.npz"
    packed_npz(path, "__parts__.npy", {"descr": f"<U{2**26}", "fortran_order": False, "shape": ()}, 2**28)
    assert path.stat().st_size < 2**20
    refused(document, path, "npz", "__parts__ is too long")


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ({"descr": "<u8", "fortran_order": False, "shape": (20_000, 20_000)}, "too large"),
        ({"descr": "|u1", "fortran_order": False, "shape": (19_000, 19_000)}, "shorter than its heading says"),
        ({"descr": "|O", "fortran_order": False, "shape": (40, 50)}, "no label map"),
        ({"descr": "<f8", "fortran_order": False, "shape": (40, 50)}, "no label map"),
    ],
)
def test_an_array_that_is_not_what_its_heading_says_is_skipped_before_memory_is_taken(
    document, tmp_path, heading, words, frugal
):
    packed_npz(tmp_path / "x.npz", "a.jpg.npy", heading, 2**22)
    with pytest.raises(FormatError, match=f"nothing in it could be taken over: a.jpg: .*{words}"):
        import_into(document, tmp_path / "x.npz", "npz", silent())


def test_xml_that_stands_for_a_billion_words_is_refused(document, tmp_path, frugal):
    entities = [f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)]
    path = tmp_path / "x.xml"
    path.write_text(f'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">{"".join(entities)}]><annotations>&j;</annotations>')
    refused(document, path, "cvat", "not valid XML")


def test_xml_reads_no_other_file(document, tmp_path):
    (tmp_path / "secret").write_text("secret")
    path = tmp_path / "x.xml"
    entity = f'<!ENTITY x SYSTEM "{(tmp_path / "secret").as_uri()}">'
    path.write_text(f"<!DOCTYPE a [{entity}]><annotations><meta>&x;</meta></annotations>")
    refused(document, path, "cvat", "undefined entity")


def test_json_nested_without_end_is_refused(document, tmp_path):
    path = tmp_path / "x.json"
    path.write_text("[" * 200_000)
    refused(document, path, "coco", "not valid JSON")


def test_twenty_thousand_keypoints_take_no_square_of_the_time(document, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("image,keypoint,x,y\n" + "".join(f"a.jpg,k{n},1,2\n" for n in range(20_000)))
    assert import_into(document, path, "csv", silent()).annotations == 1
    assert len(document.skeletons[0]) == 20_000


def test_packing_a_large_map_takes_little_more_memory_than_the_map():
    labels = np.zeros((4000, 5000), np.uint8)
    labels[1000:3000, 1000:4000] = 3
    tracemalloc.start()
    packed = pack_labels(labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert packed.areas == {3: 6_000_000}
    assert peak < labels.nbytes / 2
