"""The instances of the whole project at hand, so that counts and lists over it need not read it anew at every click."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from counterpart.core.errors import CounterpartError
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, Skeleton


class InstanceIndex:
    """Instances of one skeleton by image, kept up to date image by image."""

    def __init__(self) -> None:
        self._document: Document | None = None
        self._skeleton: Skeleton | None = None
        self._found: dict[int, tuple[KeypointSet, ...]] = {}

    @property
    def by_image(self) -> Mapping[int, tuple[KeypointSet, ...]]:
        """The instances of every image that has some."""
        return MappingProxyType(self._found)

    @property
    def skeleton(self) -> Skeleton | None:
        """The skeleton whose instances these are: the one that is worked with."""
        return self._skeleton

    def reset(self, document: Document | None, skeleton: Skeleton | None) -> None:
        """Another project or skeleton: read everything."""
        self._document, self._skeleton = document, skeleton
        self._found.clear()
        if document is not None and skeleton is not None:
            self.update(document.images_with_keypoints(skeleton.id))

    def update(self, images: Iterable[int]) -> None:
        """Points of these images changed."""
        document, skeleton = self._document, self._skeleton
        if document is None or skeleton is None:
            return
        there = set(document.image_ids)
        for image in images:
            try:
                found = document.keypoints(image) if image in there else ()
            except CounterpartError:
                found = ()  # damaged: told where the image is shown
            own = tuple(each for each in found if each.skeleton == skeleton.id)
            if own:
                self._found[image] = own
            else:
                self._found.pop(image, None)
