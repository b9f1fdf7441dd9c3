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
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from counterpart.core.cosegment.foreground import ForegroundModel, fit_linear
from counterpart.core.errors import UsageError
from counterpart.core.features.clustering import Clustering, assign, count_labels, elbow, kmeans
from counterpart.core.features.saliency import SaliencyMethod, SaliencyParams, saliency_map
from counterpart.core.features.values import FeatureMap, Tap, l2_normalise
from counterpart.core.jobs import JobContext
from counterpart.core.refine import Refinement, RefineParams, grid_outline

if TYPE_CHECKING:
    from counterpart.core.backbone.registry import ModelDefaults

__all__ = ["CosegmentMethod", "CosegmentParams", "CosegmentResult", "CosegmentedImage", "cosegment", "mask_pixels"]

CosegmentMethod = Literal["seeded", "paper", "baseline"]
_SAMPLE = 6_000
"""Descriptors trained on, at most, where no fixed share is asked for."""
_RIDGE = 3e-3
_GIVEN_WEIGHT = 1.0
"""Weight of corrected images against the votes of all, where a person corrected some."""
_GRAINS = (0.4, 0.6, 0.8, 1.0, 1.2)
"""Sizes of the clusterings whose votes are averaged, in shares of the number of clusters asked for."""


@dataclass(frozen=True, slots=True)
class CosegmentParams:
    """How the shared object is found. `for_model` gives what serves a model best, `paper` the paper's own settings.

    Attributes:
        method: See the module.
        threshold: A cluster is salient in an image where its mean saliency exceeds this.
        votes: Share of images in which a cluster must be salient to be foreground.
        present: Share of an image's tokens that a cluster must hold to occur there and be counted. 0 lets every image
            vote, and one without the cluster votes against it (paper).
        clusters: Number of clusters; None lets the elbow rule choose. `seeded` averages votes of several around it.
        elbow: Another cluster must bring the mean squared distance below this share of the last.
        max_k: Most clusters that the elbow rule tries.
        sample_every: Train on every n-th descriptor; None takes an even sample of bounded size.
        outlier_cosine: Images whose class descriptor is less similar than this to the set's mean show something else:
            they get an empty mask. None keeps all.
        refine: How masks follow the photograph's edges.
        working_size: Longest side at which they are refined, pixels.
        seed: Of everything random.
        saliency: How saliency is measured.
        heads: Attention heads averaged for it; None for all.
        saliency_tap: Descriptors compared with the border's for it; the first of the features for None.
        tap: Descriptors clustered; the first of the features for None.
    """

    method: CosegmentMethod = "seeded"
    threshold: float = 0.25
    votes: float = 0.5
    present: float = 0.02
    clusters: int | None = 20
    elbow: float = 0.975
    max_k: int = 15
    sample_every: int | None = None
    outlier_cosine: float | None = None
    refine: Refinement = "guided"
    working_size: int = 500
    seed: int = 0
    saliency: SaliencyMethod = "mean"
    heads: tuple[int, ...] | None = None
    saliency_tap: Tap | None = None
    tap: Tap | None = None

    def __post_init__(self) -> None:
        for name in ("votes", "present", "elbow"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}", hint="It is a share between 0 and 1")
        for name, least in (("clusters", 2), ("max_k", 1), ("sample_every", 1), ("working_size", 16)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} is {value}", hint=f"Use at least {least}")

    @classmethod
    def paper(cls, heads: tuple[int, ...] | None = None) -> CosegmentParams:
        """The paper's (supplement 1.1): keys of block 11, class attention, every 100th descriptor, GrabCut."""
        return cls(
            method="paper",
            threshold=0.065,
            votes=0.75,
            present=0.0,
            clusters=None,
            sample_every=100,
            outlier_cosine=None,
            refine="grabcut",
            saliency="cls",
            heads=heads,
            saliency_tap=Tap(11, "key"),
            tap=Tap(11, "key"),
        )

    @classmethod
    def baseline(cls, threshold: float = 0.04, heads: tuple[int, ...] | None = None) -> CosegmentParams:
        """The paper's saliency baseline (supplement 1.2): class attention above a threshold, image by image."""
        return dataclasses.replace(cls.paper(heads), method="baseline", threshold=threshold)

    @classmethod
    def paper_for(cls, defaults: ModelDefaults) -> CosegmentParams:
        """The paper's algorithm with its settings for a model: in the supervised ViT, keys of block 9 above 0.01.

        Models without a class token, which the paper compares by their features alone, are seeded by the border.
        """
        return dataclasses.replace(
            cls.paper(defaults.saliency_heads),
            threshold=defaults.paper_threshold,
            saliency="background" if defaults.saliency_layer is None else "cls",
            saliency_tap=defaults.paper_tap,
            tap=defaults.paper_tap,
        )

    @classmethod
    def baseline_for(cls, defaults: ModelDefaults) -> CosegmentParams:
        """The saliency baseline with the model's threshold: 0.04 for DINO, 0.01 for the supervised ViT."""
        return dataclasses.replace(cls.paper_for(defaults), method="baseline", threshold=defaults.baseline_threshold)

    @classmethod
    def for_model(cls, defaults: ModelDefaults) -> CosegmentParams:
        """What serves a model best, from the registry."""
        paper = defaults.cosegment_method == "paper"
        return dataclasses.replace(
            cls.paper() if paper else cls(),
            threshold=defaults.saliency_threshold,
            saliency=defaults.saliency_method,
            heads=defaults.saliency_heads,
            saliency_tap=defaults.saliency_tap,
            tap=defaults.cosegment_tap,
        )

    @classmethod
    def for_method(cls, defaults: ModelDefaults, method: str) -> CosegmentParams:
        """A method by its name, with what was published or measured for a model; its own choice for any other name."""
        own = cls.for_model(defaults)
        if method == "seeded":
            return dataclasses.replace(cls(), heads=own.heads, saliency_tap=own.saliency_tap, tap=own.tap)
        if method == "paper":
            return cls.paper_for(defaults)
        return cls.baseline_for(defaults) if method == "baseline" else own

    @property
    def saliency_params(self) -> SaliencyParams:
        """How saliency is measured."""
        return SaliencyParams(self.saliency, self.heads, self.saliency_tap)

    @property
    def refine_params(self) -> RefineParams:
        """How masks follow edges."""
        return RefineParams(self.refine, self.working_size, seed=self.seed)


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
    work = _Work(features, params, ctx.stage(0.0, 0.4), ctx.stage(0.4, 0.7), ctx.stage(0.7, 1.0), extra, given or {})
    return work.run()


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
        looking: JobContext,
        clustering: JobContext,
        scoring: JobContext,
        extra: Sequence[FeatureMap],
        given: Mapping[int, NDArray[np.floating]],
    ) -> None:
        self.features, self.extra, self.params, self.given = features, extra, params, given
        self.looking, self.clustering, self.scoring = looking, clustering, scoring
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
