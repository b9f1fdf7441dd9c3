"""Co-segmentation: the object that a set of images shares, as a soft map per image.

Three methods over the same features
    paper     clusters of the set's descriptors vote by their saliency (paper, sections 4 and 5.1)
    seeded    the same vote where a cluster occurs, as labels for a linear score, blended with each image's saliency
    baseline  saliency above a threshold, image by image

Features are read one image at a time, so that a set need not fit in memory; only a bounded sample of descriptors and
the small maps are kept. Nothing here touches the model: another threshold or number of clusters costs seconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.cosegment.foreground import ForegroundModel, fit_linear
from counterpart.core.cosegment.params import CosegmentParams
from counterpart.core.errors import UsageError
from counterpart.core.features.clustering import Clustering, assign, count_labels, elbow, kmeans
from counterpart.core.features.saliency import saliency_map
from counterpart.core.features.values import FeatureMap, l2_normalise
from counterpart.core.jobs import JobContext
from counterpart.core.refine import grid_outline

_SAMPLE = 6_000
"""Descriptors trained on, at most, where no fixed share is asked for."""
_RIDGE = 3e-3
_GIVEN_WEIGHT = 1.0
"""Weight of corrected images against the votes of all, where a person corrected some."""
_GRAINS = (0.4, 0.6, 0.8, 1.0, 1.2)
"""Sizes of the clusterings whose votes are averaged, in shares of the number of clusters asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class CosegmentedImage:
    """What was found in one image.

    Attributes:
        score: (rows, columns) float32 foreground probability of every token; above 0.5 is foreground.
        saliency: (rows, columns) float32 in [0, 1].
        outlier: Whether the image was judged to show something else; its score is zero.
    """

    score: NDArray[np.float32]
    saliency: NDArray[np.float32]
    outlier: bool = False

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(rows, columns) bool foreground."""
        return self.score > 0.5


@dataclass(frozen=True, slots=True, eq=False)
class CosegmentResult:
    """What was found in a set.

    Attributes:
        images: One entry per feature map, in their order, outliers included.
        model: Judges new images the same way.
        k: Number of clusters, 0 where none were made.
        foreground_clusters: How many of them are foreground.
        warnings: What a person should know about this result.
    """

    images: tuple[CosegmentedImage, ...]
    model: ForegroundModel
    k: int
    foreground_clusters: int
    warnings: tuple[str, ...] = ()


def cosegment(
    features: Sequence[FeatureMap],
    params: CosegmentParams,
    ctx: JobContext,
    *,
    extra: Sequence[FeatureMap] = (),
    given: Mapping[int, NDArray[np.floating]] | None = None,
) -> CosegmentResult:
    """Find the object that the images share.

    Args:
        features: One map per image; read one at a time, several times over.
        params: Method and settings.
        ctx: Progress, cancellation, warnings.
        extra: Further maps (augmented copies) that take part in clustering but neither vote nor are returned.
        given: By position, (rows, columns) share of the object in each token of images that a person corrected: the
            score is learnt from them too, and they keep what was given. Only `seeded` learns.

    Returns:
        A result with one entry per image, in order. Sets in which nothing or everything is salient give what can be
        told from saliency alone, and a warning.

    Raises:
        UsageError: No images, or saliency that these features cannot give.
        JobCancelledError: Cancelled.
    """
    if len(features) == 0:
        raise UsageError("there are no images to segment", hint="Add at least one image")
    return _Work(features, params, ctx, extra, given or {}).run()


def mask_pixels(
    image: CosegmentedImage,
    feature_map: FeatureMap,
    rgb: NDArray[np.uint8],
    params: CosegmentParams,
    ctx: JobContext | None = None,
) -> NDArray[np.bool_]:
    """The mask of one image in its own pixels: the score is upsampled before the threshold, then refined.

    Args:
        image: From `cosegment`.
        feature_map: Of the same image; only its geometry is used.
        rgb: (H, W, 3) uint8, the image itself.
        params: How to refine.
        ctx: Cancellation.

    Returns:
        (H, W) bool.
    """
    if image.outlier:
        return np.zeros(rgb.shape[:2], dtype=bool)
    return grid_outline(image.score, feature_map.geometry, rgb, params.refine_params, ctx)


class _Poll:
    """The vote of a set's images on the clusters of one clustering."""

    def __init__(self, k: int) -> None:
        self.salient, self.voters = np.zeros(k, np.int64), np.zeros(k, np.int64)

    def count(self, labels: NDArray[np.int64], saliency: NDArray[np.float32], params: CosegmentParams) -> None:
        """Add the vote of one image."""
        k = len(self.salient)
        counts = count_labels(labels, k)
        sums = np.bincount(labels, weights=saliency, minlength=k)
        occurs = counts > params.present * len(labels)
        self.salient += occurs & (sums > params.threshold * counts)
        self.voters += occurs if params.present > 0 else 1

    def chosen(self, share: float) -> NDArray[np.bool_]:
        """(k,) bool, the clusters salient in at least this share of the images that voted on them."""
        return (self.salient > 0) & (self.salient >= share * self.voters)


class _Work:
    """One run: the passes over the set and what they leave behind."""

    def __init__(
        self,
        features: Sequence[FeatureMap],
        params: CosegmentParams,
        ctx: JobContext,
        extra: Sequence[FeatureMap],
        given: Mapping[int, NDArray[np.floating]],
    ) -> None:
        self.features, self.extra, self.params, self.given = features, extra, params, given
        self.looking, self.clustering, self.scoring = ctx.stage(0.0, 0.4), ctx.stage(0.4, 0.7), ctx.stage(0.7, 1.0)
        self.warnings: list[str] = []
        self.saliency: list[NDArray[np.float32]] = []
        self.outlier = np.zeros(len(features), dtype=bool)
        self.samples = np.zeros((0, 0), dtype=np.float32)

    def run(self) -> CosegmentResult:
        self._look()
        k = chosen = 0
        if self.params.method == "baseline":
            model = self._saliency_alone()
        else:
            self.samples = self._sample()
            clusterings = self._clusterings()
            votes = self._vote(clusterings)
            k, chosen = clusterings[-1].k, int(votes[-1].sum())
            if self.params.method == "seeded":
                model = self._by_score(clusterings, votes)
            else:
                model = self._by_clusters(clusterings[-1], votes[-1])
        return CosegmentResult(self._score(model), model, k, chosen, tuple(self.warnings))

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        self.looking.warn(text)

    # First pass: saliency, and which images show something else ----------------------------------------------------

    def _look(self) -> None:
        total, params = len(self.features), self.params
        descriptors = []
        for index in range(total):
            self.looking.step(index, total, "Looking for what stands out")
            feature_map = self.features[index]
            if params.saliency != "background" and feature_map.attention is None:
                self._warn_once(f"{feature_map.spec.model} has no class attention: saliency is taken from the border")
            self.saliency.append(saliency_map(feature_map, params.saliency_params))
            descriptors.append(feature_map.class_descriptor(params.tap))
        if params.outlier_cosine is not None:
            self._find_outliers(np.stack(descriptors), params.outlier_cosine)
        if not any((saliency > 0).any() for saliency in self.saliency):
            self._warn("Nothing stands out in any image")

    def _warn_once(self, text: str) -> None:
        if text not in self.warnings:
            self._warn(text)

    def _find_outliers(self, descriptors: NDArray[np.float32], least: float) -> None:
        """Supplement 1.2: images whose class descriptor is unlike the mean one."""
        mean = l2_normalise(descriptors.mean(axis=0, keepdims=True))[0]
        outlier = l2_normalise(descriptors) @ mean < least
        if outlier.all():
            self._warn(f"No image reaches a similarity of {least:g} to the set's mean: none was taken for an outlier")
        elif outlier.any():
            self.outlier = outlier
            self._warn(f"{int(outlier.sum())} of {len(outlier)} images look unlike the set and were left empty")

    @property
    def _members(self) -> list[int]:
        return [index for index in range(len(self.features)) if not self.outlier[index]]

    # Second pass: clusters and their votes ------------------------------------------------------------------------

    def _sample(self) -> NDArray[np.float32]:
        """Unit descriptors trained on: of the images that are not outliers, and of the extra maps."""
        maps: list[tuple[Sequence[FeatureMap], int]] = [(self.features, index) for index in self._members]
        maps += [(self.extra, index) for index in range(len(self.extra))]
        every, per_image = self.params.sample_every, max(_SAMPLE // len(maps), 1)
        rng = np.random.default_rng(self.params.seed)
        parts, seen = [], 0
        for source, index in maps:
            self.clustering.check()
            values = source[index].flat(self.params.tap, normalised=False)
            if every is None:
                rows = np.sort(rng.choice(len(values), size=min(per_image, len(values)), replace=False))
            else:  # every n-th of all images' descriptors in a row
                rows = np.arange(-seen % every, len(values), every)
            seen += len(values)
            parts.append(l2_normalise(values[rows]))
        return np.concatenate(parts)

    def _clusterings(self) -> list[Clustering]:
        params, ctx = self.params, self.clustering.stage(0.1, 0.8)
        if params.clusters is None:
            return [elbow(self.samples, ratio=params.elbow, max_k=params.max_k, seed=params.seed, ctx=ctx)]
        sizes = [params.clusters]
        if params.method == "seeded":  # coarse and fine clusterings err differently
            sizes = sorted({max(round(params.clusters * share), 2) for share in _GRAINS})
        found = []
        for done, size in enumerate(sizes):
            ctx.step(done, len(sizes), f"Clustering into {size} groups")
            found.append(kmeans(self.samples, size, seed=params.seed + done, ctx=ctx))
        return found

    def _vote(self, clusterings: list[Clustering]) -> list[NDArray[np.bool_]]:
        """Which clusters are foreground: salient in enough images (paper, section 4)."""
        params, ctx = self.params, self.clustering.stage(0.8, 1.0)
        polls = [_Poll(clusters.k) for clusters in clusterings]
        for done, index in enumerate(self._members):
            ctx.step(done, len(self._members), "Letting the images vote")
            unit, saliency = self.features[index].flat(params.tap), self.saliency[index].ravel()
            for clusters, poll in zip(clusterings, polls, strict=True):
                poll.count(assign(unit, clusters.centroids)[0], saliency, params)
        return [poll.chosen(params.votes) for poll in polls]

    # Third pass: scores -------------------------------------------------------------------------------------------

    def _saliency_alone(self) -> ForegroundModel:
        return ForegroundModel(self.params.saliency_params, self.params.threshold, self.params.tap)

    def _by_clusters(self, clusters: Clustering, chosen: NDArray[np.bool_]) -> ForegroundModel:
        return dataclasses.replace(self._saliency_alone(), centroids=clusters.centroids, chosen=chosen)

    def _by_score(self, clusterings: list[Clustering], votes: list[NDArray[np.bool_]]) -> ForegroundModel:
        """A linear score learnt from the votes: it tells apart what clusters lump together."""
        alone = self._saliency_alone()
        chosen = [vote[clusters.labels] for clusters, vote in zip(clusterings, votes, strict=True)]
        share = np.mean(chosen, axis=0)
        if share.max() < 0.5 or share.min() >= 0.5:
            what = "No part of the images is" if share.max() < 0.5 else "Everything in the images is"
            self._warn(f"{what} salient in enough of them: each image is judged by its own saliency")
            return alone
        samples, targets = self._with_given(self.samples, share.astype(np.float32))
        weights, bias = fit_linear(samples, targets, _RIDGE)
        return dataclasses.replace(alone, weights=weights, bias=bias)

    def _with_given(
        self, samples: NDArray[np.float32], share: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The samples and their targets, joined by what a person corrected: it weighs as much as the votes of all."""
        if not self.given:
            return samples, share
        tokens = np.concatenate([self.features[index].flat(self.params.tap) for index in self.given])
        known = np.concatenate([np.asarray(one, dtype=np.float32).ravel() for one in self.given.values()])
        rows = np.linspace(0, len(tokens), round(len(samples) * _GIVEN_WEIGHT), endpoint=False).astype(np.int64)
        return np.concatenate([samples, tokens[rows]]), np.concatenate([share, known[rows]])

    def _score(self, model: ForegroundModel) -> tuple[CosegmentedImage, ...]:
        total, images = len(self.features), []
        for index, saliency in enumerate(self.saliency):
            self.scoring.step(index, total, "Separating the object")
            outlier = bool(self.outlier[index]) and index not in self.given
            if index in self.given:
                score = np.asarray(self.given[index], dtype=np.float32)
            elif outlier or not (saliency > 0).any():
                score = np.zeros(saliency.shape, np.float32)
            else:
                score = model.probability(self.features[index], saliency)
            images.append(CosegmentedImage(score, saliency, outlier))
        self._describe([images[index] for index in self._members])
        self.scoring.step(total, total, "Separated the object")
        return tuple(images)

    def _describe(self, images: list[CosegmentedImage]) -> None:
        if all(image.mask.all() for image in images):
            self._warn("Everything counts as foreground: raise the threshold, or check that the images have background")
        elif not any(image.mask.any() for image in images):
            self._warn("No foreground was found: lower the threshold or the share of votes")
