"""Features of a set of images, as a sequence that reads them one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from counterpart.core.features.cache import FeatureCache
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.images.reading import ImageRef


class FeatureSet(Sequence[FeatureMap]):
    """Features of many images, read from the cache one at a time when indexed.

    Entries that the cache lost meanwhile are computed again; entries that could not be kept on disk are held here.

    Args:
        refs: The images.
        digests: sha256 of their bytes.
        spec: What was read in each.
        cache: Where features are kept.
        recompute: Gives the features of the image at an index of `refs` anew.
        held: Features that are on no disk, by index.
        indices: Position of each image in the list that was asked for; failed ones are missing in between.
    """

    def __init__(
        self,
        refs: Sequence[ImageRef],
        digests: Sequence[str],
        spec: FeatureSpec,
        cache: FeatureCache,
        recompute: Callable[[ImageRef, str], FeatureMap],
        *,
        held: dict[int, FeatureMap] | None = None,
        indices: Sequence[int] | None = None,
    ) -> None:
        self.refs = tuple(refs)
        self.digests = tuple(digests)
        self.spec = spec
        self.indices = tuple(range(len(self.refs))) if indices is None else tuple(indices)
        self._cache, self._recompute = cache, recompute
        self._held = dict(held or {})

    def __len__(self) -> int:
        return len(self.refs)

    @overload
    def __getitem__(self, index: int) -> FeatureMap: ...
    @overload
    def __getitem__(self, index: slice) -> FeatureSet: ...
    def __getitem__(self, index: int | slice) -> FeatureMap | FeatureSet:
        if isinstance(index, slice):
            return self.subset(range(*index.indices(len(self))))
        position = range(len(self))[index]
        if position in self._held:
            return self._held[position]
        found = self._cache.get(self.digests[position], self.spec)
        return self._recompute(self.refs[position], self.digests[position]) if found is None else found

    def subset(self, positions: Sequence[int]) -> FeatureSet:
        """The same features for some of the images, in the order given."""
        return FeatureSet(
            [self.refs[i] for i in positions],
            [self.digests[i] for i in positions],
            self.spec,
            self._cache,
            self._recompute,
            held={new: self._held[old] for new, old in enumerate(positions) if old in self._held},
            indices=[self.indices[i] for i in positions],
        )
