"""Photographs that were replaced by others of another size after they were annotated: their labels are kept aside.

The record of such an image goes on saying what its labels belong to. What lies in its place now is noted beside it,
until the labels are scaled or given up, or the old file is back. Meanwhile nothing is painted on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from counterpart.core.errors import UsageError
from counterpart.core.project.edit import Edit
from counterpart.core.project.model import ImageRecord
from counterpart.core.project.schema import Row
from counterpart.core.project.store import Reader

_KEY = "aside/"
WAYS_OUT = "Scale its labels or give them up, or put the old file back"
"""What can be done about an image that lies aside."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """What lies in a photograph's place now.

    Attributes:
        height: Upright height in pixels.
        width: Upright width in pixels.
        size_bytes: Length of the file.
        sha256: Hash of its bytes.
    """

    height: int
    width: int
    size_bytes: int = -1
    sha256: str = ""

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.height, self.width

    def scales(self, hw: tuple[int, int]) -> bool:
        """Whether a picture of a size is the same shape, to a pixel of rounding: its labels can be scaled."""
        return abs(self.width - hw[1] * self.height / hw[0]) <= 1 or abs(self.height - hw[0] * self.width / hw[1]) <= 1


def aside_key(image: int) -> str:
    """The setting in which the replacement of an image is noted."""
    return f"{_KEY}{image}"


def aside_image(key: str) -> int | None:
    """The image that a setting speaks of; None for other settings."""
    number = key.removeprefix(_KEY)
    return int(number) if key.startswith(_KEY) and number.isdecimal() else None


def replacement_of(setting: object) -> Replacement | None:
    """A setting as a replacement; None for what is none."""
    if not isinstance(setting, Mapping):
        return None
    hw = setting.get("height"), setting.get("width")
    length, sha256 = setting.get("size_bytes", -1), setting.get("sha256", "")
    if not all(type(side) is int and side > 0 for side in hw) or type(length) is not int or type(sha256) is not str:
        return None
    return Replacement(cast("int", hw[0]), cast("int", hw[1]), length, sha256)


def annotated_hw(reader: Reader, record: ImageRecord) -> tuple[int, int] | None:
    """(height, width) of the picture that an image's annotations belong to; None where there are none."""
    header: Row | None = reader.get("label_maps", (record.id,))
    if header is not None:
        return cast("tuple[int, int]", header[:2])
    places = (("keypoints", "image"), ("matches", "image_a"), ("matches", "image_b"))
    if min(record.hw) <= 0 or not any(reader.find(table, column, record.id) for table, column in places):
        return None
    return record.hw


def other_picture(name: str, now: tuple[int, int], was: tuple[int, int]) -> str:
    """What is said of an image that lies aside. Sizes are (height, width)."""
    return f"{name} is another picture now ({now[1]} × {now[0]}, was {was[1]} × {was[0]}): its labels were kept aside"


def why_aside(edit: Edit, image: int) -> str:
    """What is said of an image that lies aside; empty where it does not. Raises KeyError where there is no image."""
    record = edit.image(image)
    found = replacement_of(edit.setting(aside_key(image)))
    if found is None:
        return ""
    return other_picture(record.name, found.hw, annotated_hw(edit, record) or record.hw)


def refuse_aside(edit: Edit, image: int) -> None:
    """Leave an image alone whose labels belong to another picture than the one that is there.

    Raises:
        UsageError: It lies aside.
    """
    said = why_aside(edit, image)
    if said:
        raise UsageError(said, hint=WAYS_OUT)
