"""Images that are read when they are asked for, so that a set of any size passes through little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

from counterpart.core.formats.base import AnnotatedImage


class LazyImages(Sequence[AnnotatedImage]):
    """A sequence over a function.

    Args:
        count: How many images there are.
        load: Reads one; None where it cannot be read, which iteration passes over (the function reports it).
        names: Names of the images, where they are known beforehand.
    """

    def __init__(
        self, count: int, load: Callable[[int], AnnotatedImage | None], names: Sequence[str] | None = None
    ) -> None:
        self.names = names
        self._count = count
        self._load = load

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> AnnotatedImage: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[AnnotatedImage]: ...
    def __getitem__(self, index: int | slice) -> AnnotatedImage | Sequence[AnnotatedImage]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        image = self._load(index % self._count)
        if image is None:
            raise LookupError(f"image {index} cannot be read")
        return image

    def __iter__(self) -> Iterator[AnnotatedImage]:
        for index in range(self._count):
            image = self._load(index)
            if image is not None:
                yield image
