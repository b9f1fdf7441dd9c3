"""The records of COCO files as they come: instances, results, and the files of Segment Anything.

Only a file that is of another kind altogether is refused. A record that cannot be used is named and left out, and
costs its neighbours nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from counterpart.core.errors import FormatError
from counterpart.core.formats.base import ImportReport
from counterpart.core.formats.fields import Node, read_json
from counterpart.core.formats.source import Source

Key = int | str
"""An id: numbers that are written as texts, or with a decimal point, are numbers."""

_NO_CATEGORY = "object"
_LARGEST_SIBLING = 500_000_000


@dataclass(frozen=True, slots=True)
class Category:
    """What annotations may be of.

    Attributes:
        name: Of the part and of the skeleton.
        order: Place among the categories.
        node: Its record; that of the annotation that needs it where it has none.
    """

    name: str
    order: int
    node: Node


@dataclass(slots=True)
class CocoRecords:
    """What a file holds.

    Attributes:
        path: The file.
        images: Records of images by id.
        categories: By id.
        annotations: Those that can be assigned, by the id of their image.
        results: Whether they are a program's predictions.
    """

    path: Path
    images: dict[Key, Node] = field(default_factory=dict)
    categories: dict[Key, Category] = field(default_factory=dict)
    annotations: dict[Key, list[Node]] = field(default_factory=dict)
    results: bool = False

    def category_of(self, annotation: Node) -> Category:
        """The category of an annotation that was assigned."""
        return self.categories[_category_key(annotation)]


def read_records(path: Path, source: Source, report: ImportReport) -> CocoRecords:
    """The records of a file that can be used; what cannot is said.

    Args:
        path: The file.
        source: The project, and where images are.
        report: Gets what was left out.

    Raises:
        FormatError: The file is not COCO, or a list of results whose images are not known.
    """
    data = read_json(path)
    if isinstance(data.value, list):
        return _Results(data, source, report).records()
    records = CocoRecords(path)
    if data.get("images") is None and isinstance(data.get("image"), Node):  # Segment Anything: one image a file
        image = data["image"]
        records.images[0] = image
        listed: Iterable[Node] = [_with(each, image_id=0) for each in data["annotations"]]
    else:
        doubled = _images(data["images"], records, report)
        annotations = data.get("annotations") or Node([], path)
        if any(field_of(each, "segments_info") is not None for each in annotations):
            raise data.error(
                "this is COCO panoptic, whose masks lie in pictures of their own; they are not read",
                hint="Choose the file of its instances",
            )
        listed = _assignable(annotations, doubled, report)
    given = data.get("categories")
    if given is not None:
        _categories(given, records, report)
    _assign(listed, records, report, named=given is not None)
    return records


def key_of(node: Node | None) -> Key | None:
    """An id; None where it is none."""
    value = None if node is None else node.value
    if isinstance(value, str):
        text = value.strip()
        return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text or None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if float(value).is_integer() else None


def field_of(node: Node, name: str) -> Node | None:
    """A field of a record, None where the record is none or has none."""
    return node.get(name) if isinstance(node.value, dict) else None


def _with(record: Node, **more: object) -> Node:
    """A record with further fields; what is no record stays as it is."""
    if not isinstance(record.value, dict):
        return record
    return Node({**more, **record.value}, record.path, record.where)


def _text(node: Node | None) -> str:
    """A name as text; empty where it is none."""
    if node is None or isinstance(node.value, (bool, list, dict)):
        return ""
    return str(node.value).strip()


def _images(listed: Node, records: CocoRecords, report: ImportReport) -> set[Key]:
    """Take up the image records; the ids that stand for several images."""
    doubled: set[Key] = set()
    for image in listed:
        key = key_of(field_of(image, "id"))
        if key is None:
            report.skipped.append((records.path.name, f"{image.where}: an image needs an id"))
        elif not names_of(image):
            report.skipped.append((records.path.name, f"{image.where}: the image has no file_name"))
        elif key in records.images and names_of(records.images[key]) != names_of(image):
            doubled.add(key)
        else:
            records.images.setdefault(key, image)
    for key in doubled:
        name = names_of(records.images.pop(key))[0]
        report.skipped.append((name, f"the image id {key} occurs twice, for different images"))
    return doubled


def names_of(image: Node) -> list[str]:
    """What an image record calls its file, the best first."""
    extra = field_of(image, "extra")  # Roboflow: the name before it was uploaded
    found = [field_of(image, name) for name in ("file_name", "path", "coco_url")]
    if extra is not None:
        found.append(field_of(extra, "name"))
    return list(dict.fromkeys(name for name in map(_text, found) if name))


def _assignable(listed: Node, doubled: set[Key], report: ImportReport) -> Iterator[Node]:
    for annotation in listed:
        if key_of(field_of(annotation, "image_id")) in doubled:
            report.skipped.append((listed.path.name, f"{annotation.where}: its image id stands for several images"))
        else:
            yield annotation


def _categories(listed: Node, records: CocoRecords, report: ImportReport) -> None:
    for order, category in enumerate(listed):
        key, name = key_of(field_of(category, "id")), _text(field_of(category, "name"))
        if key is None:
            report.skipped.append((records.path.name, f"{category.where}: a category needs an id"))
            continue
        if not name:
            name = f"category {key}"
            report.notes.append((records.path.name, f"{category.where}: it has no name; called {name}"))
        if key in records.categories:
            if records.categories[key].name != name:
                report.skipped.append(
                    (records.path.name, f"{category.where}: the category id {key} occurs twice; the first was taken")
                )
            continue
        records.categories[key] = Category(name, order, category)


def _category_key(annotation: Node) -> Key:
    key = key_of(field_of(annotation, "category_id"))
    return _NO_CATEGORY if key is None else key


def _assign(listed: Iterable[Node], records: CocoRecords, report: ImportReport, *, named: bool) -> None:
    """Sort annotations by image; those of unknown images and categories are said.

    Args:
        listed: The annotations.
        records: Gets them.
        report: Gets what was left out.
        named: Whether the file has categories. Otherwise what annotations are of is called by its number.
    """
    made: dict[Key, str] = {}
    for annotation in listed:
        where = annotation.where
        if not isinstance(annotation.value, dict):
            report.skipped.append((records.path.name, f"{where}: this is no annotation"))
            continue
        image, kind = key_of(annotation.get("image_id")), _category_key(annotation)
        if image is None or image not in records.images:
            what = "it names no image" if image is None else f"there is no image with the id {image}"
            report.skipped.append((records.path.name, f"{where}: {what}"))
            continue
        if kind not in records.categories:
            if named and kind != _NO_CATEGORY:
                report.skipped.append((records.path.name, f"{where}: there is no category with the id {kind}"))
                continue
            own = _text(annotation.get("category_name"))
            made[kind] = own or (str(kind) if isinstance(kind, str) else f"category {kind}")
            records.categories[kind] = Category(made[kind], len(records.categories), Node({}, records.path, where))
        records.annotations.setdefault(image, []).append(annotation)
    if made:
        names = ", ".join(list(made.values())[:3])
        report.notes.append((records.path.name, f"what its annotations are of has no name in it; called {names}"))


class _Results:
    """A bare list of predictions, which says neither what its images are called nor what its categories are."""

    def __init__(self, data: Node, source: Source, report: ImportReport) -> None:
        self._path, self._source, self._report = data.path, source, report
        self._items = list(data)
        signs = {"segmentation", "keypoints", "bbox"}
        if self._items and not any(signs & set(item.value) for item in self._items if isinstance(item.value, dict)):
            raise data.error("this is not COCO: a list whose items are no annotations", hint="Choose another format")

    def records(self) -> CocoRecords:
        """Its records, with the images and categories that are known from elsewhere."""
        records = CocoRecords(self._path, results=True)
        wanted = {key for item in self._items for key in [key_of(field_of(item, "image_id"))] if key is not None}
        for find in (self._from_sibling, self._from_items, self._from_numbers, self._from_project):
            if find(records, wanted):
                break
        else:
            raise FormatError(
                "this is a list of results; which images its ids mean is not known",
                path=self._path,
                hint="Put the annotation file that the results belong to beside it",
            )
        items = self._items
        if not wanted:
            items = [_with(item, image_id=_text(field_of(item, "file_name")) or self._path.stem) for item in items]
        _assign(items, records, self._report, named=bool(records.categories))
        return records

    def _from_sibling(self, records: CocoRecords, wanted: set[Key]) -> bool:
        """An annotation file beside the list that has all its images."""
        fitting: dict[tuple[str, ...], CocoRecords] = {}
        for file in sorted(self._path.parent.glob("*.json")) if wanted else []:
            if file == self._path or file.stat().st_size > _LARGEST_SIBLING:
                continue
            try:
                data = read_json(file)
                if not isinstance(data.value, dict) or data.get("images") is None:
                    continue
                found, quiet = CocoRecords(file), ImportReport("coco", file)
                _images(data["images"], found, quiet)
                if data.get("categories") is not None:
                    _categories(data["categories"], found, quiet)
            except FormatError:
                continue
            if wanted <= set(found.images):
                names = tuple(names_of(found.images[key])[0] for key in sorted(wanted, key=str))
                best = fitting.setdefault(names, found)
                if len(found.categories) > len(best.categories):
                    fitting[names] = found
        if len(fitting) > 1:
            files = ", ".join(found.path.name for found in fitting.values())
            raise FormatError(
                f"the images of these results may be those of several files: {files}",
                path=self._path,
                hint="Leave only the annotation file that they belong to beside them",
            )
        for found in fitting.values():
            records.images, records.categories = found.images, found.categories
            self._report.notes.append((self._path.name, f"its images and categories are those of {found.path.name}"))
        return bool(fitting)

    def _from_items(self, records: CocoRecords, wanted: set[Key]) -> bool:
        """Names that the predictions themselves have, or ids that are names; the list's own for one without any."""
        for item in self._items:
            key, name = key_of(field_of(item, "image_id")), _text(field_of(item, "file_name"))
            if not wanted:
                key = name or self._path.stem
            if key is None or key in records.images or not (name or isinstance(key, str)):
                continue
            records.images[key] = Node({"file_name": name or str(key)}, self._path, item.where)
        return bool(records.images) and wanted <= set(records.images)

    def _from_numbers(self, records: CocoRecords, wanted: set[Key]) -> bool:
        """Images of the project whose names are these numbers: 000000000139.jpg."""
        numbered: dict[Key, list[str]] = {}
        for name in self._source.names.values():
            stem = Path(name).stem
            if re.fullmatch(r"\d{1,18}", stem):
                numbered.setdefault(int(stem), []).append(name)
        return self._take(records, wanted, {key: names[0] for key, names in numbered.items() if len(names) == 1})

    def _from_project(self, records: CocoRecords, wanted: set[Key]) -> bool:
        """Ids as the project's own exports have them."""
        if not self._take(records, wanted, self._source.names):
            return False
        self._report.notes.append((self._path.name, "its ids are taken as those of this project's exports"))
        points = any(field_of(item, "keypoints") is not None for item in self._items)
        named = [(each.id, each.name) for each in (self._source.skeletons if points else self._source.parts)]
        for order, (number, name) in enumerate(named):
            shown: dict[str, object] = {"id": number, "name": name}
            if points:
                shown["keypoints"] = list(self._source.skeletons[order].names)
            records.categories[number] = Category(name, order, Node(shown, self._path))
        return True

    def _take(self, records: CocoRecords, wanted: set[Key], names: Mapping[int, str] | Mapping[Key, str]) -> bool:
        known: dict[Key, str] = dict(names.items())
        if not wanted or not wanted <= set(known):
            return False
        records.images = {key: Node({"file_name": known[key]}, self._path) for key in wanted}
        return True
