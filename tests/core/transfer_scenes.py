"""Animals of eight keypoints on noise, as features of an encoder that is local and turns with the image."""

import numpy as np

from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureMap, FeatureSpec
from counterpart.core.geometry import GridGeometry
from counterpart.core.project.points import Skeleton
from counterpart.core.transfer import Target, Template, View, ViewKey

TAP = Tap(0, "token")
CELL = 8
WIDTH = 48
NAMES = ("nose", "left_eye", "right_eye", "left_paw", "right_paw", "left_hoof", "right_hoof", "tail")
SKELETON = Skeleton(NAMES)
# (row, column) from the nose, in tokens, facing left.
LAYOUT = np.array([(0, 0), (-2, 1), (-1, 3), (6, 2), (6, 4), (6, 9), (6, 11), (0, 12)])
TWIN = np.array([0, 2, 1, 4, 3, 6, 5, 7])


def descriptors(alike=0.0):
    """(8, WIDTH) of the keypoints; with `alike` towards 1, twins come to look the same."""
    own = np.random.default_rng(0).normal(size=(len(NAMES), WIDTH)).astype(np.float32)
    return (1 - alike / 2) * own + alike / 2 * own[TWIN]


def scene(nose=(6, 5), grid=(20, 24), seed=0, noise=0.15, alike=0.0, hidden=()):
    """One image: its tokens (rows, columns, WIDTH), the keypoints' image xy, and which are visible."""
    rng = np.random.default_rng(seed)
    tokens = 0.6 * rng.normal(size=(*grid, WIDTH)).astype(np.float32)
    rc = LAYOUT + np.array(nose)
    visible = ~np.isin(np.arange(len(NAMES)), list(hidden))
    looks = descriptors(alike) + noise * rng.normal(size=(len(NAMES), WIDTH))
    for k in np.flatnonzero(visible):
        tokens[rc[k, 0], rc[k, 1]] = looks[k]
    xy = rc[:, ::-1] * float(CELL) + CELL / 2 - 0.5
    return tokens, xy, visible


def features(tokens):
    rows, cols, _ = tokens.shape
    geometry = GridGeometry.plan((rows * CELL, cols * CELL), None, CELL, CELL)
    spec = FeatureSpec("local", "0", (TAP,), CELL, None, None, storage="float32")
    values = np.ascontiguousarray(tokens, dtype=np.float32)
    return FeatureMap(spec, "0", geometry, (values,), (np.zeros(tokens.shape[2], np.float32),), None)


def views(tokens, *, mirrored=True):
    plain = View(ViewKey(), features(tokens))
    return (plain, View(ViewKey(mirrored=True), features(tokens[:, ::-1]))) if mirrored else (plain,)


def template(*, mirrored=True, **how):
    tokens, xy, visible = scene(**how)
    return Template(views(tokens, mirrored=mirrored), xy, visible)


def target(*, mirrored=True, flip=False, **how):
    """A target and the truth: image xy of its keypoints; with `flip`, a photograph of it in a mirror."""
    tokens, xy, _ = scene(**how)
    if flip:
        tokens = tokens[:, ::-1]
        xy = (np.array([tokens.shape[1] * CELL - 1, 0]) + xy * [-1, 1])[TWIN]
    return Target(views(tokens, mirrored=mirrored)), xy
