"""Predictions of parts made by hand."""

import numpy as np

from counterpart.core.geometry import GridGeometry
from counterpart.core.propagate import PartScores

CELL = 8


def scores(probability, likeness=None, values=None):
    """Of (rows, columns, labels) probabilities of cells of 8 x 8 pixels; one token each unless `likeness` has fewer."""
    probability = np.asarray(probability, np.float32)
    rows, cols, count = probability.shape
    likeness = np.zeros((rows, cols), np.float32) if likeness is None else np.asarray(likeness, np.float32)
    geometry = GridGeometry.plan((rows * CELL, cols * CELL), None, CELL, CELL)
    return PartScores(geometry, tuple(range(count)) if values is None else values, probability, likeness)
