"""Part co-segmentation: the parts of the object that a set shares, the same part under the same label in every image.

Paper, section 5.1: descriptors of the foreground, which `core.cosegment` finds, are clustered again into k parts. With
three stages, a clustering in between removes foreground that is not common to the images. Everything works on features
that are there already; another k never touches the model.
"""

from counterpart.core.parts.applying import apply_codebook
from counterpart.core.parts.discovery import discover_parts
from counterpart.core.parts.model import Grouping, PartsImage, PartsParams, PartsResult
from counterpart.core.parts.pixels import part_pixels

__all__ = ["Grouping", "PartsImage", "PartsParams", "PartsResult", "apply_codebook", "discover_parts", "part_pixels"]
