"""Which keypoints change places in a mirror."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from counterpart.core.project.points import Skeleton

_WORD = re.compile(r"left|Left|LEFT")
_SIDES = {"left": "right", "Left": "Right", "LEFT": "RIGHT"}
# A lone l or L that stands for left: `l_eye`, `eye.L`, `L-eye`, `LEye`, `eyeL`, `eye1l`.
_LETTER = re.compile(r"(?:(?<=^)|(?<=[_\-. ]))[lL](?=$|[_\-. ])|(?<=^)L(?=[A-Z])|(?<=[a-z0-9])L$|(?<=[0-9])l$")


def derive_mirror_pairs(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Pairs (left, right) of indices whose names differ only in the side: `left_eye`, `l_eye`, `eye_L`, `EyeLeft`."""
    index = {name: position for position, name in enumerate(names)}
    pairs = []
    for position, name in enumerate(names):
        candidates = [_WORD.sub(lambda found: _SIDES[found.group()], name)]
        candidates.append(_LETTER.sub(lambda found: "r" if found.group() == "l" else "R", name))
        twins = [index[other] for other in candidates if other != name and other in index]
        if twins:
            pairs.append((position, twins[0]))
    return tuple(pairs)


def mirror_order(skeleton: Skeleton) -> NDArray[np.int64]:
    """(K,) keypoint that stands at each place after a flip: by the skeleton's pairs, or by names where it has none."""
    order = np.arange(len(skeleton))
    for left, right in skeleton.mirror_pairs or derive_mirror_pairs(skeleton.names):
        order[[left, right]] = right, left
    return order
