"""Labels of a few images, carried to others by their descriptors.

A token's label is voted on by the labelled tokens whose descriptors are most similar. What is learnt is not one label
per token but the share of every label in the cells that a token is cut into, because a token's descriptor tells where
in its patch a border runs: small parts come out at twice the grid's resolution for nothing.

Teaching is incremental. `lesson` turns one labelled image into tokens, once; `fit` chooses a bounded number of all
lessons' tokens, in milliseconds; `predict` reads one image's features at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import UsageError
from counterpart.core.features.values import FeatureMap, FeatureSpec, l2_normalise
from counterpart.core.geometry import GridGeometry
from counterpart.core.images.reading import resize_rgb
from counterpart.core.propagate.lessons import Lesson, descriptors, detail_of
from counterpart.core.propagate.params import PropagateParams
from counterpart.core.refine import guided_filter, working_hw

_BLOCK = 1_024
"""Tokens compared at once; bounds the similarities held in memory."""
_BORDER_BONUS = 2.0
"""How much more a token on a border of parts is worth keeping than one inside."""
_PURE = 0.95
_SURE = 0.6
_FAINT = 0.02
"""A label that reaches this probability nowhere in an image is not worked out in its pixels."""
_RADIUS_TOKENS = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class PartModel:
    """Predicts parts.

    Attributes:
        params: How.
        spec: How the features were made that it learnt from.
        values: The label that each score means; background 0 first.
        tokens: (M, d) float32 labelled tokens, embedded.
        shares: (M, cells * labels) float32 their labels.
        centre, basis: The embedding `(descriptors - centre) @ basis`; None for none.
        taught: Number of images that it learnt from.
    """

    params: PropagateParams
    spec: FeatureSpec
    values: tuple[int, ...]
    tokens: NDArray[np.float32]
    shares: NDArray[np.float32]
    centre: NDArray[np.float32] | None
    basis: NDArray[np.float32] | None
    taught: int

    def embedded(self, descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, D) descriptors of unit length in the space that is compared in, (N, d), of unit length."""
        if self.centre is None or self.basis is None:
            return descriptors
        return l2_normalise((descriptors - self.centre) @ self.basis)


@dataclass(frozen=True, slots=True, eq=False)
class PartScores:
    """Predicted parts of one image.

    Attributes:
        geometry: Where the cells lie.
        values: The label of each score; background 0 first.
        probability: (rows, columns, labels) float32, sums to 1.
        likeness: (rows, columns) float32 cosine of each token to the most similar labelled one; at the tokens' grid.
    """

    geometry: GridGeometry
    values: tuple[int, ...]
    probability: NDArray[np.float32]
    likeness: NDArray[np.float32]

    @property
    def labels(self) -> NDArray[np.uint16]:
        """(rows, columns) the likeliest label of each cell."""
        out: NDArray[np.uint16] = np.asarray(self.values, np.uint16)[self.probability.argmax(axis=-1)]
        return out

    @property
    def token_labels(self) -> NDArray[np.uint16]:
        """Likeliest label of each token, at the tokens' own grid."""
        rows, cols = self.likeness.shape
        detail = self.probability.shape[0] // rows
        mean = self.probability.reshape(rows, detail, cols, detail, -1).mean(axis=(1, 3))
        out: NDArray[np.uint16] = np.asarray(self.values, np.uint16)[mean.argmax(axis=-1)]
        return out


def fit(lessons: Sequence[Lesson], params: PropagateParams) -> PartModel:
    """A model of what labelled images teach. Milliseconds to a second; another image more or less is another `fit`.

    Args:
        lessons: At least one, made with the same taps and detail as `params` (or a finer detail).
        params: How parts are predicted.

    Raises:
        UsageError: No lessons, none of them shows a part, or their features were made differently.
    """
    if not lessons:
        raise UsageError("no image is labelled yet", hint="Label at least one image")
    if len({one.spec for one in lessons}) != 1:
        raise UsageError("the labelled images' features were made differently", hint="Start again with one setting")
    values = (0, *sorted({value for one in lessons for value in one.parts}))
    if len(values) == 1:
        raise UsageError("none of the labelled images shows a part", hint="Label a part in at least one image")
    chosen = _even(lessons, params.images)
    rng = np.random.default_rng(params.seed)
    sizes = _rarity(chosen, values)
    tokens, shares = [], []
    left = params.memory
    for number, one in enumerate(sorted(chosen, key=lambda each: len(each.tokens))):
        rows = _kept(one, sizes, left // (len(chosen) - number), params.balance, rng)
        left -= len(rows)
        tokens.append(one.tokens[rows].astype(np.float32))
        shares.append(_widened(_coarser(one.shares[rows], params.detail), one.values, values))
    kept = np.concatenate(tokens)
    centre, basis = _embedding(kept, params.dims)
    raw = PartModel(params, chosen[0].spec, values, kept, np.concatenate(shares), centre, basis, taught=len(lessons))
    return dataclasses.replace(raw, tokens=raw.embedded(kept))


def widen(model: PartModel, feature_maps: Iterable[FeatureMap], count: int) -> PartModel:
    """A model that has also learnt from its own sure predictions for images that nobody labelled.

    With one or few labelled images, what is learnt about their light and their subject reaches the others this way.

    Args:
        model: From `fit`.
        feature_maps: Of unlabelled images, read one at a time.
        count: How many tokens to take from each; rare parts are preferred as `fit` does.
    """
    rng = np.random.default_rng(model.params.seed)
    tokens, shares = [model.tokens], [model.shares]
    for feature_map in feature_maps:
        if feature_map.spec != model.spec:
            raise UsageError("these features were made differently from those that were labelled", hint="Start again")
        found = descriptors(feature_map, model.params.taps)
        cells, _ = vote(model, found)
        mean = cells.mean(axis=1)
        sure = np.flatnonzero(mean.max(axis=1) > _SURE)
        if len(sure) == 0:
            continue
        sizes = mean[sure].sum(axis=0)
        chance = mean[sure] @ (sizes.sum() / np.maximum(sizes, 1e-3)) ** model.params.balance
        rows = sure[_drawn(chance, count, rng)]
        tokens.append(model.embedded(found[rows]))
        shares.append(cells[rows].reshape(len(rows), -1))
    return dataclasses.replace(model, tokens=np.concatenate(tokens), shares=np.concatenate(shares))


def vote(model: PartModel, tokens: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Labels of tokens.

    Args:
        model: From `fit`.
        tokens: (N, D) descriptors of the model's taps as `descriptors` gives them.

    Returns:
        (N, cells, labels) float32 probabilities, and (N,) float32 cosine to the most similar labelled token.
    """
    unit = model.embedded(tokens.astype(np.float32, copy=False))
    shares = np.empty((len(unit), model.shares.shape[1]), np.float32)
    likeness = np.empty(len(unit), np.float32)
    for start in range(0, len(unit), _BLOCK):
        rows = slice(start, start + _BLOCK)
        shares[rows], likeness[rows] = _vote(model, unit[rows])
    cells = shares.reshape(len(unit), -1, len(model.values))
    return cells / np.maximum(cells.sum(axis=-1, keepdims=True), 1e-6), likeness


def predict(model: PartModel, feature_map: FeatureMap) -> PartScores:
    """Parts of one image.

    Args:
        model: From `fit`.
        feature_map: Made like the features that the model learnt from.

    Raises:
        UsageError: The features were made differently.
    """
    if feature_map.spec != model.spec:
        raise UsageError("these features were made differently from those that were labelled", hint="Start again")
    cells, likeness = vote(model, descriptors(feature_map, model.params.taps))
    geometry, detail = feature_map.geometry, detail_of(feature_map.geometry, model.params.detail)
    rows, cols = geometry.grid_hw
    blocks = cells.reshape(rows, cols, detail, detail, len(model.values)).transpose(0, 2, 1, 3, 4)
    probability = np.ascontiguousarray(blocks.reshape(rows * detail, cols * detail, len(model.values)))
    return PartScores(geometry.subdivided(detail), model.values, probability, likeness.reshape(rows, cols))


def pixels(scores: PartScores, rgb: NDArray[np.uint8], params: PropagateParams) -> NDArray[np.unsignedinteger]:
    """The label map of one image in its own pixels: probabilities are enlarged before they are compared.

    Args:
        scores: From `predict`.
        rgb: (H, W, 3) uint8, the image itself.
        params: How borders follow edges.

    Returns:
        (H, W) uint8, or uint16 where a label is above 255; 0 is background.
    """
    hw = rgb.shape[:2]
    small = working_hw(hw, params.working_size)
    guide = resize_rgb(rgb, small) if params.refine == "guided" else None
    radius = max(round(_RADIUS_TOKENS * float(scores.geometry.token_pitch_xy.mean()) * small[0] / hw[0] * 2), 1)
    best = np.full(hw, -np.inf, np.float32)
    winner = np.zeros(hw, np.uint16)
    for index, value in enumerate(scores.values):  # one enlarged map is held at a time
        channel = scores.probability[..., index]
        if float(channel.max(initial=0.0)) < _FAINT:
            continue
        fine = scores.geometry.upsample(channel, out_hw=small)
        if guide is not None:
            fine = guided_filter(guide, fine, radius, 1e-3)
        if fine.shape != hw:
            fine = np.asarray(cv2.resize(fine, hw[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.float32)
        better = fine > best
        best[better], winner[better] = fine[better], value
    return winner.astype(np.uint8) if max(scores.values) < 256 else winner


def _coarser(shares: NDArray[np.float16], detail: int) -> NDArray[np.float32]:
    """Shares at a coarser detail than they were taken at: the mean of all cells for 1."""
    out = shares.astype(np.float32)
    return out.mean(axis=1, keepdims=True) if detail == 1 else out


def _widened(shares: NDArray[np.float32], own: Sequence[int], values: Sequence[int]) -> NDArray[np.float32]:
    """(n, cells * labels) shares in the order of all labels."""
    out = np.zeros((*shares.shape[:2], len(values)), np.float32)
    out[..., [values.index(value) for value in own]] = shares
    return out.reshape(len(out), -1)


def _even(lessons: Sequence[Lesson], most: int) -> list[Lesson]:
    """At most so many lessons, evenly chosen."""
    if len(lessons) <= most:
        return list(lessons)
    return [lessons[index] for index in np.linspace(0, len(lessons) - 1, most).round().astype(int)]


def _rarity(lessons: Sequence[Lesson], values: Sequence[int]) -> dict[int, float]:
    """How many tokens each label has in all."""
    sizes = dict.fromkeys(values, 0.0)
    for one in lessons:
        for value, size in zip(one.values, one.shares.mean(axis=1, dtype=np.float32).sum(axis=0), strict=True):
            sizes[value] += float(size)
    return sizes


def _kept(
    one: Lesson, sizes: dict[int, float], most: int, balance: float, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Rows of a lesson's tokens to keep: all where they fit, else rare parts and borders first."""
    if len(one.tokens) <= most:
        return np.arange(len(one.tokens))
    total = sum(sizes.values())
    weights = np.array([(total / max(sizes[value], 1e-6)) ** balance for value in one.values])
    mean = one.shares.mean(axis=1, dtype=np.float32)
    chance = mean @ weights * (1 + _BORDER_BONUS * (mean.max(axis=1) < _PURE))
    return _drawn(chance, max(most, 1), rng)


def _drawn(chance: NDArray[np.floating], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """So many rows in their order, by weighted sampling without replacement (Efraimidis, Spirakis 2006)."""
    if len(chance) <= count:
        return np.arange(len(chance))
    keys = rng.exponential(size=len(chance)) / np.maximum(chance, 1e-9)
    return np.sort(np.argpartition(keys, count - 1)[:count])


def _embedding(
    tokens: NDArray[np.float32], dims: int | None
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Mean and principal components of the tokens; None where they are to be compared whole."""
    if dims is None or dims >= tokens.shape[1] or len(tokens) < 2:
        return None, None
    centre = tokens.mean(axis=0)
    centred = tokens - centre
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return centre, np.ascontiguousarray(vectors[:, ::-1][:, :dims], dtype=np.float32)


def _vote(model: PartModel, unit: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(n, cells * labels) shares voted by the most similar labelled tokens, and (n,) cosine to the first of them."""
    import torch  # its choice of the largest few is several times as fast as numpy's

    count = min(model.params.neighbours, len(model.tokens))
    with torch.inference_mode():
        cosine = torch.from_numpy(unit) @ torch.from_numpy(model.tokens).T
        top = cosine.topk(count, dim=1, sorted=False)
        near, nearest = top.values.numpy(), top.indices.numpy()
    best = near.max(axis=1)
    weights = np.exp((near - best[:, None]) / np.float32(model.params.temperature))
    weights /= weights.sum(axis=1, keepdims=True)
    out = np.zeros((len(unit), model.shares.shape[1]), np.float32)
    for place in range(count):  # neighbour by neighbour: all at once would hold them times as much
        out += model.shares[nearest[:, place]] * weights[:, place, None]
    return out, best
