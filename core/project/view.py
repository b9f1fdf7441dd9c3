"""Reading a project: immutable values by image, part, pair. `Document` adds the ways to change it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ProjectError
from counterpart.core.images.reading import ImageRef
from counterpart.core.project.aside import Replacement, annotated_hw, aside_image, aside_key, replacement_of
from counterpart.core.project.content import Content
from counterpart.core.project.labelcache import LabelCache
from counterpart.core.project.model import ImageRecord, ImageState, LabelMap, Labels, PartLabel, PartState, Provenance
from counterpart.core.project.points import KeypointSet, MatchSet, Skeleton
from counterpart.core.project.rows import (
    keypoint_set,
    map_size,
    match_set,
    provenance_value,
    read_keypoints,
    read_labels,
    read_match_sets,
    read_part_states,
    read_touched,
)
from counterpart.core.project.schema import Row
from counterpart.core.project.store import Store
from counterpart.core.project.tiles import PackedLabels, TileDamagedError

LABEL_CACHE_BYTES = 256 * 1024 * 1024


class ProjectView:
    """What an open project holds. Use from one thread; hand the values, not this, to jobs.

    Args:
        store: The open project file.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._content = Content(None if store.path is None else store.path.parent)
        self._labels = LabelCache(LABEL_CACHE_BYTES)
        self._content.load(store)

    @property
    def problems(self) -> tuple[str, ...]:
        """What of a damaged file could not be read, in words."""
        return tuple(dict.fromkeys([*self._content.problems, *self._store.problems]))

    @property
    def path(self) -> Path | None:
        """The project file; None while there is none."""
        return self._store.path

    @property
    def read_only(self) -> bool:
        """Whether commands are refused."""
        return self._store.read_only

    @property
    def why_read_only(self) -> str:
        """Why commands are refused, for a person; empty when they are not."""
        return self._store.why_read_only

    # Images

    @property
    def image_ids(self) -> tuple[int, ...]:
        """Identifiers of all images, in natural order of their names."""
        return self._content.order

    def __len__(self) -> int:
        return len(self._content.images)

    def image(self, image_id: int) -> ImageRecord:
        """An image. Raises KeyError for one that is not in the project."""
        return self._content.images[image_id]

    def name_of(self, image_id: int) -> str:
        """Name of an image, or words for one that was removed: a job that began before may still speak of it."""
        record = self._content.images.get(image_id)
        return record.name if record is not None else "a removed image"

    def images(self) -> Iterator[ImageRecord]:
        """All images, in natural order of their names."""
        return (self._content.images[number] for number in self.image_ids)

    def image_path(self, image_id: int) -> Path:
        """Where the image's file should be."""
        record = self._content.images[image_id]
        return self._content.roots.get(record.root, Path()) / record.path  # a damaged file may have lost the folder

    def image_files(self) -> list[tuple[int, str]]:
        """Where the files of all images should be, by id: as text, which for a large set is far quicker than paths."""
        roots = {root: str(folder) for root, folder in self._content.roots.items()}
        images = self._content.images
        return [(number, f"{roots[images[number].root]}/{images[number].path}") for number in self.image_ids]

    def image_ref(self, image_id: int) -> ImageRef:
        """The image as jobs take it: only at the size that its record has."""
        record = self._content.images[image_id]
        return ImageRef(self.image_path(image_id), record.name, record.hw if min(record.hw) > 0 else None)

    def aside(self, image_id: int) -> Replacement | None:
        """What lies in the place of an image whose labels belong to a picture of another size; None for most."""
        return replacement_of(self._content.settings.get(aside_key(image_id)))

    def asides(self) -> dict[int, Replacement]:
        """What lies in the place of images, by id, for those whose labels belong to pictures of another size."""
        numbers = (aside_image(key) for key in self._content.settings)
        found = ((number, self.aside(number)) for number in numbers if number in self._content.images)
        return {number: replacement for number, replacement in found if replacement is not None}

    def annotated_hw(self, image_id: int) -> tuple[int, int] | None:
        """(height, width) of the picture that an image's annotations belong to; None where there are none."""
        return annotated_hw(self._store, self._content.images[image_id])

    def find_image(self, name: str) -> ImageRecord | None:
        """The image of a name, None when there is none."""
        return next((record for record in self._content.images.values() if record.name == name), None)

    def state_counts(self) -> dict[ImageState, int]:
        """How many images are in each review state."""
        return {state: count for state, count in self._content.state_counts.items() if count}

    # Parts and labels

    @property
    def parts(self) -> tuple[PartLabel, ...]:
        """Parts in their order."""
        return tuple(sorted(self._content.parts.values(), key=lambda part: (part.order, part.id)))

    def part(self, part_id: int) -> PartLabel:
        """A part. Raises KeyError for one that is not in the project."""
        return self._content.parts[part_id]

    def label_map(self, image_id: int) -> LabelMap | None:
        """The labels of an image, None where it has none. They never change; a change makes new ones.

        Raises:
            ProjectError: They are damaged.
        """
        labels = self._labels_now(image_id)
        if labels is None:
            return None
        try:
            header = self._store.get("label_maps", (image_id,))
            states = {part: state for part, (state, _) in read_part_states(self._store, image_id).items()}
        except ProjectError as error:
            raise self._about(image_id, error) from None
        return LabelMap(labels, states, cast("int", header[2]) if header else 0)

    def _labels_now(self, image_id: int) -> Labels | None:
        cached = self._labels.get(image_id)
        if cached is not None:
            return cached
        try:
            found = read_labels(self._store, image_id)
        except ProjectError as error:
            raise self._about(image_id, error) from None
        if found is None:
            return None
        self._labels.put(image_id, found[0])
        return found[0]

    def packed_labels(self, image_id: int) -> PackedLabels | None:
        """The labels of an image as they are stored, to hand on without unpacking; None where it has none.

        Raises:
            ProjectError: They are damaged.
        """
        header = self._store.get("label_maps", (image_id,))
        if header is None:
            return None
        rows = self._store.find("label_tiles", "image", image_id)
        tiles = {cast("int", key[1]): cast("bytes", row[0]) for key, row in rows.items()}
        areas = {part: pixels for part, (_, pixels) in self.part_states(image_id).items() if pixels}
        packed = PackedLabels(self._size(image_id, header), tiles, areas)
        try:
            packed.check()
        except TileDamagedError as error:
            raise self._about(image_id, ProjectError(f"the labels are damaged ({error})")) from None
        return packed

    def touched(self, image_id: int) -> NDArray[np.bool_] | None:
        """(height, width) bool, true where a person painted or erased; None where nobody did.

        Raises:
            ProjectError: The record is damaged.
        """
        try:
            return read_touched(self._store, image_id)
        except ProjectError as error:
            raise self._about(image_id, error) from None

    def part_states(self, image_id: int) -> dict[int, tuple[PartState, int]]:
        """Whose each part of an image is and how many pixels it has, without unpacking the labels.

        Raises:
            ProjectError: The list is damaged.
        """
        try:
            return read_part_states(self._store, image_id)
        except ProjectError as error:
            raise self._about(image_id, error) from None

    def all_part_states(self) -> dict[tuple[int, int], tuple[PartState, int]]:
        """Whose each part of every image is and how many pixels it has, by (image, part).

        Raises:
            ProjectError: The file is damaged there.
        """
        rows = self._store.all("label_parts")
        return cast("dict[tuple[int, int], tuple[PartState, int]]", rows)

    def images_with_part(self, part_id: int) -> list[int]:
        """Images on which a part has pixels."""
        rows = self._store.find("label_parts", "part", part_id)
        return sorted(cast("int", key[0]) for key, row in rows.items() if cast("int", row[1]) > 0)

    def images_with_parts(self) -> list[int]:
        """Images on which any part has pixels."""
        return sorted({image for (image, _), (_, pixels) in self.all_part_states().items() if pixels > 0})

    def labelled_images(self) -> list[int]:
        """Images that have a label map."""
        return sorted(cast("int", key[0]) for key in self._store.all("label_maps"))

    # Points

    @property
    def skeletons(self) -> tuple[Skeleton, ...]:
        """Skeletons by rising id."""
        return tuple(self._content.skeletons[number] for number in sorted(self._content.skeletons))

    def skeleton(self, skeleton_id: int) -> Skeleton:
        """A skeleton. Raises KeyError for one that is not in the project."""
        return self._content.skeletons[skeleton_id]

    def keypoints(self, image_id: int) -> tuple[KeypointSet, ...]:
        """The instances of an image, in the order they were made.

        Raises:
            ProjectError: They are damaged.
        """
        try:
            found = read_keypoints(self._store, image_id)
            for points in found:
                self._check_skeleton(points)
        except ProjectError as error:
            raise self._about(image_id, error) from None
        return found

    def _check_skeleton(self, points: KeypointSet) -> None:
        skeleton = self._content.skeletons.get(points.skeleton)
        if skeleton is None or len(skeleton) != len(points.xy):
            what = f"instance {points.instance} has no skeleton that its points fit"
            raise ProjectError(what, hint="It is left as it is; restore a backup")

    def instance(self, instance: int) -> tuple[int, KeypointSet]:
        """The image of an instance, and its points. Raises KeyError for one that is not in the project.

        Raises:
            ProjectError: They are damaged.
        """
        row = self._store.get("keypoints", (instance,))
        if row is None:
            raise KeyError(instance)
        image, points = keypoint_set((instance,), row)
        self._check_skeleton(points)
        return image, points

    def images_with_keypoints(self, skeleton_id: int) -> list[int]:
        """Images that have an instance of a skeleton."""
        rows = self._store.find("keypoints", "skeleton", skeleton_id)
        return sorted({cast("int", row[0]) for row in rows.values()})

    def matches(self, image_a: int, image_b: int) -> MatchSet | None:
        """The matches of two images, seen from the first; None where there are none.

        Raises:
            ProjectError: They are damaged.
        """
        key = (min(image_a, image_b), max(image_a, image_b))
        try:
            row = self._store.get("matches", key)
            if row is None:
                return None
            found = match_set(key, row)
        except ProjectError as error:
            raise self._about(image_a, error) from None
        return found if image_a == key[0] else found.swapped()

    def matches_of(self, image_id: int) -> tuple[MatchSet, ...]:
        """Every match set that an image takes part in, as stored.

        Raises:
            ProjectError: They are damaged.
        """
        try:
            return read_match_sets(self._store, image_id)
        except ProjectError as error:
            raise self._about(image_id, error) from None

    def match_pairs(self) -> list[tuple[int, int]]:
        """Pairs of images that have matches, smaller id first."""
        return sorted(cast("list[tuple[int, int]]", list(self._store.all("matches"))))

    # The rest

    @property
    def settings(self) -> Mapping[str, object]:
        """Settings by key."""
        return self._content.settings

    def provenance(self, number: int) -> Provenance | None:
        """Where a prediction comes from; None for a number that was not given."""
        row = self._store.get("provenance", (number,))
        return None if row is None else provenance_value((number,), row)

    def _size(self, image_id: int, header: Row) -> tuple[int, int]:
        try:
            return map_size(header)
        except ProjectError as error:
            raise self._about(image_id, error) from None

    def _about(self, image_id: int, error: ProjectError) -> ProjectError:
        name = self._content.images[image_id].name if image_id in self._content.images else str(image_id)
        return ProjectError(f"image {name}: {error.what}", path=self.path, hint=error.hint)
