"""A landmark model in one file with what it needs on new images: the parts' codebook, and the landmarks' names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from counterpart.core.errors import FormatError
from counterpart.core.features.values import FeatureMap
from counterpart.core.files import write_bytes
from counterpart.core.landmarks.features import PartMaps
from counterpart.core.landmarks.model import LandmarkModel, read_tensors
from counterpart.core.parts import PartsImage
from counterpart.core.parts.codebook import Codebook
from counterpart.core.project.points import Skeleton
from counterpart.core.sealed import seal

_LAYOUT = "landmark-predictor-1"


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkPredictor:
    """Everything that turns a new image into landmarks.

    Attributes:
        model: From part maps to landmarks.
        codebook: Finds the parts.
        skeleton: Names, edges and mirror pairs, in the model's order.
    """

    model: LandmarkModel
    codebook: Codebook
    skeleton: Skeleton

    def save(self, path: str | Path) -> None:
        """Write a safetensors file, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        landmarks, about_landmarks = self.model.packed()
        parts, about_parts = self.codebook.packed()
        arrays = {f"landmarks.{name}": array for name, array in landmarks.items()}
        arrays |= {f"codebook.{name}": array for name, array in parts.items()}
        skeleton = self.skeleton
        about = {
            "names": skeleton.names,
            "edges": skeleton.edges,
            "mirror_pairs": skeleton.mirror_pairs,
            "name": skeleton.name,
        }
        metadata = {
            "layout": _LAYOUT,
            "landmarks": about_landmarks,
            "codebook": about_parts,
            "skeleton": json.dumps(about),
        }
        write_bytes(path, seal(arrays, metadata))

    @classmethod
    def load(cls, path: str | Path) -> LandmarkPredictor:
        """Read a file that `save` wrote.

        Raises:
            FormatError: Missing, damaged, or something else.
        """
        path = Path(path)
        arrays, metadata = read_tensors(path)
        if metadata.get("layout") != _LAYOUT:
            raise FormatError("this is not a landmark model", path=path, hint="Choose a file of `landmarks fit`")
        groups = {
            kind: {name.removeprefix(kind): array for name, array in arrays.items() if name.startswith(kind)}
            for kind in ("landmarks.", "codebook.")
        }
        try:
            model = LandmarkModel.unpacked(groups["landmarks."], metadata["landmarks"])
            about = json.loads(metadata["skeleton"])
            edges, pairs = (tuple((int(a), int(b)) for a, b in about[key]) for key in ("edges", "mirror_pairs"))
            skeleton = Skeleton(tuple(about["names"]), edges, (), pairs, about["name"])
            codebook_about = metadata["codebook"]
        except (ValueError, KeyError, TypeError) as error:
            raise FormatError(
                f"the landmark model is damaged ({error})", path=path, hint="Fit it again with `landmarks fit`"
            ) from None
        return cls(model, Codebook.unpacked(groups["codebook."], codebook_about, path), skeleton)


def part_map(feature_map: FeatureMap, image: PartsImage, codebook: Codebook, *, descriptors: bool) -> PartMaps:
    """What landmarks are regressed from in one image.

    Args:
        feature_map: The image's features.
        image: Its parts.
        codebook: Of the parts; says which descriptors.
        descriptors: Whether to look at descriptors beside part scores.
    """
    if not descriptors:
        return PartMaps(image.scores, feature_map.geometry)
    values = feature_map.flat(codebook.tap).reshape(*feature_map.grid_hw, -1)
    return PartMaps(image.scores, feature_map.geometry, values)
