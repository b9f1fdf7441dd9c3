"""Readers of data sets in their official layouts; a folder that is not one is told by what was expected and found."""

from counterpart.core.evaluate.datasets.celeba import CelebaFace, CelebaSet, read_celeba
from counterpart.core.evaluate.datasets.cosegmentation import find_layout
from counterpart.core.evaluate.datasets.spair import SpairPair, list_spair, read_spair_pair

__all__ = [
    "CelebaFace",
    "CelebaSet",
    "SpairPair",
    "find_layout",
    "list_spair",
    "read_celeba",
    "read_spair_pair",
]
