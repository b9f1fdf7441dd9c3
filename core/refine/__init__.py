"""From soft token maps to pixel masks with the edges of the photograph.

Every method takes values that lie at the pixels of an image and gives values of the same size. Large images are
worked on at a reduced size and the result is brought back, so the time hardly grows with the camera's resolution.
"""

from counterpart.core.refine.crf import CrfParams, dense_crf
from counterpart.core.refine.grabcut import grab_cut
from counterpart.core.refine.guided import guided_filter
from counterpart.core.refine.masks import REFINEMENTS, Refinement, RefineParams, grid_outline, refine_mask, working_hw
from counterpart.core.refine.regions import fill_holes, keep_largest, remove_specks

__all__ = [
    "REFINEMENTS",
    "CrfParams",
    "RefineParams",
    "Refinement",
    "dense_crf",
    "fill_holes",
    "grab_cut",
    "grid_outline",
    "guided_filter",
    "keep_largest",
    "refine_mask",
    "remove_specks",
    "working_hw",
]
