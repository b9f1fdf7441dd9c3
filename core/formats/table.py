"""The table of formats: everything that can be read or written, as data."""

from __future__ import annotations

from typing import Final

from counterpart.core.errors import UsageError
from counterpart.core.formats.base import Format
from counterpart.core.formats.coco import write_coco
from counterpart.core.formats.coco_keypoints import write_coco_keypoints
from counterpart.core.formats.coco_reading import read_coco
from counterpart.core.formats.cvat import write_cvat
from counterpart.core.formats.cvat_reading import read_cvat
from counterpart.core.formats.davis import read_davis, write_davis
from counterpart.core.formats.deeplabcut import read_deeplabcut, write_deeplabcut
from counterpart.core.formats.indexed_png import read_indexed_png, write_indexed_png
from counterpart.core.formats.labelme import write_labelme
from counterpart.core.formats.labelme_reading import read_labelme
from counterpart.core.formats.matches_json import read_matches, write_matches
from counterpart.core.formats.npz import read_npz, write_npz
from counterpart.core.formats.sleap import read_sleap, write_sleap
from counterpart.core.formats.spair import read_spair, write_spair
from counterpart.core.formats.tables import read_csv, read_tps, write_csv, write_tps
from counterpart.core.formats.voc import read_voc, write_voc
from counterpart.core.formats.yolo import write_yolo_pose, write_yolo_seg
from counterpart.core.formats.yolo_reading import read_yolo_pose, read_yolo_seg

FORMATS: Final[dict[str, Format]] = {
    entry.name: entry
    for entry in (
        Format(
            "indexed-png",
            "Indexed PNG with legend",
            "",
            ("masks",),
            write_indexed_png,
            read_indexed_png,
            "One picture of part ids for each image; exact.",
        ),
        Format(
            "coco",
            "COCO instances (RLE or polygons)",
            ".json",
            ("masks",),
            write_coco,
            read_coco,
            "Run lengths are exact; polygons too, with holes joined by a seam.",
        ),
        Format(
            "labelme",
            "LabelMe",
            "",
            ("masks", "keypoints"),
            write_labelme,
            read_labelme,
            "Masks as LabelMe 5.3 and later read them, or polygons; points in groups.",
        ),
        Format(
            "yolo-seg",
            "YOLO segmentation",
            "",
            ("masks",),
            write_yolo_seg,
            read_yolo_seg,
            "Outlines only; holes joined by a seam.",
        ),
        Format(
            "voc",
            "PASCAL VOC segmentation",
            "",
            ("masks",),
            write_voc,
            read_voc,
            "Class masks with a palette; at most 254 parts.",
        ),
        Format(
            "davis",
            "DAVIS (sequences of frames)",
            "",
            ("masks",),
            write_davis,
            read_davis,
            "A numbered label picture for each frame, a sequence for each folder; at most 254 parts.",
        ),
        Format(
            "cvat",
            "CVAT 1.1",
            ".xml",
            ("masks", "keypoints"),
            write_cvat,
            read_cvat,
            "Masks or polygons, and skeletons; boxes of instances and scores are lost. Films are read, too.",
        ),
        Format(
            "npz",
            "NumPy arrays",
            ".npz",
            ("masks",),
            write_npz,
            read_npz,
            "One array of part ids for each image; exact.",
        ),
        Format(
            "coco-keypoints",
            "COCO keypoints",
            ".json",
            ("keypoints",),
            write_coco_keypoints,
            read_coco,
            "With scores; zero-based pixel centres.",
        ),
        Format(
            "deeplabcut",
            "DeepLabCut",
            ".csv",
            ("keypoints",),
            write_deeplabcut,
            read_deeplabcut,
            "CollectedData tables; visibility is lost. Written as .h5 where the target ends so.",
        ),
        Format(
            "sleap",
            "SLEAP",
            ".slp",
            ("keypoints",),
            write_sleap,
            read_sleap,
            "Through sleap-io; visibility and boxes are lost.",
            "sleap",
        ),
        Format(
            "yolo-pose",
            "YOLO pose",
            "",
            ("keypoints",),
            write_yolo_pose,
            read_yolo_pose,
            "One skeleton; boxes and visibility are kept.",
        ),
        Format(
            "csv",
            "Table of points (CSV)",
            ".csv",
            ("keypoints",),
            write_csv,
            read_csv,
            "One line for each point, with score and origin; boxes are lost.",
        ),
        Format(
            "tps",
            "TPS landmarks",
            ".tps",
            ("keypoints",),
            write_tps,
            read_tps,
            "One skeleton; names and visibility are lost.",
        ),
        Format(
            "matches",
            "Match JSON",
            ".json",
            ("matches",),
            write_matches,
            read_matches,
            "Pairs with score, cycle error and verdict.",
        ),
        Format(
            "spair",
            "SPair-71k layout",
            "",
            ("keypoints", "matches"),
            write_spair,
            read_spair,
            "Pairs of instances, and accepted matches; visibility is lost.",
        ),
    )
}
"""Formats by name, in the order in which they are offered."""


def format_named(name: str) -> Format:
    """The entry of a format.

    Raises:
        UsageError: There is none of that name; the message lists those there are.
    """
    if name not in FORMATS:
        raise UsageError(f"there is no format '{name}'", hint=f"Formats are {', '.join(FORMATS)}")
    return FORMATS[name]
