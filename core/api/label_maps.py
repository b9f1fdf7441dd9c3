"""Label maps of a set: what `find_object` and `find_parts` give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, overload

from counterpart.core.jobs import JobContext
from counterpart.reporting import reported

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from counterpart.core.images.reading import ImageRef
    from counterpart.core.parts.codebook import Codebook
    from counterpart.core.pipeline.engine import Engine
    from counterpart.core.pipeline.parts.masks import MaskRun
    from counterpart.core.project.document import Document


@dataclass(frozen=True, slots=True, eq=False)
class LabelMaps(Sequence["NDArray[np.unsignedinteger]"]):
    """Label maps of a set. `maps[i]` is made when it is asked for: (height, width), 0 is background.

    Attributes:
        images: Files of the images that could be used, in natural order of their names.
        names: What each label means, by its value.
        doubts: How uncertain each image's labels are, in [0, 1].
        outliers: Whether each image seems to show something else; its map is empty then.
        note: What was found, in a sentence.
        codebook: The parts, to find the same ones in other images; None where there are none.
    """

    images: tuple[Path, ...]
    names: Mapping[int, str]
    doubts: tuple[float, ...]
    outliers: tuple[bool, ...]
    note: str
    codebook: Codebook | None
    _run: MaskRun
    _engine: Engine
    _asked: tuple[ImageRef, ...]

    def __repr__(self) -> str:
        return f"<LabelMaps: {self.note}>"

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: int) -> NDArray[np.unsignedinteger]: ...
    @overload
    def __getitem__(self, index: slice) -> list[NDArray[np.unsignedinteger]]: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.unsignedinteger] | list[NDArray[np.unsignedinteger]]:
        places = range(len(self))[index]
        if isinstance(places, range):
            return [self[place] for place in places]
        return self._run.labels(places, JobContext())

    def save(self, folder: str | Path, *, overlays: bool = False) -> list[Path]:
        """Write them as PNG files beside `report.json`, as the command line does, and the codebook with them.

        Raises:
            OutputError: A file cannot be written.
        """
        from counterpart.core.pipeline.outputs import check_writable
        from counterpart.core.pipeline.parts.mask_files import write_masks

        folder = Path(folder)
        check_writable(folder, self._asked)
        with reported(None) as ctx:
            written = write_masks(self._run, self._engine, self._asked, folder, ctx, overlays=overlays)
        if self.codebook is not None:
            self.codebook.save(folder / "codebook.safetensors")
        return [mask.file for mask in written]

    def put_into(self, project: Document) -> None:
        """Take them into an open project as predictions; what a person drew there stays. One step of its history."""
        from counterpart.core.pipeline.parts.masks import take_over

        take_over(project, self._run, self._engine, JobContext())


def label_maps(run: MaskRun, codebook: Codebook | None, engine: Engine, asked: list[ImageRef]) -> LabelMaps:
    """What a run over the images `asked` gave."""
    return LabelMaps(
        tuple(ref.path for ref in run.features.refs),
        run.names,
        run.doubts,
        run.outliers,
        run.note,
        codebook,
        run,
        engine,
        tuple(asked),
    )
