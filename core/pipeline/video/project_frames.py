"""The images of a project as the frames of a video, and its label maps as annotations of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Seq

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ImageError
from counterpart.core.images.reading import ImageRef, read_image
from counterpart.core.images.video import Frame
from counterpart.core.jobs import JobContext
from counterpart.core.project.tiles import PackedLabels


class ProjectFrames:
    """The images of a project as frames. A frame that cannot be read, or has another size, is named and left out.

    Args:
        refs: The images in order.
        hw: Height and width that frames have.
    """

    def __init__(self, refs: Seq[ImageRef], hw: tuple[int, int]) -> None:
        self._refs, self._hw = refs, hw
        self._last: tuple[NDArray[np.uint8], ImageRef] | None = None

    def __len__(self) -> int:
        return len(self._refs)

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width of every frame."""
        return self._hw

    def name(self, index: int) -> str:
        """The image's name."""
        return self._refs[index].name

    def ref_of(self, rgb: NDArray[np.uint8]) -> ImageRef | None:
        """The image whose pixels were given out last, if these are they."""
        return self._last[1] if self._last is not None and self._last[0] is rgb else None

    def frames(self, ctx: JobContext, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """See `core.images.video.FrameSource.frames`."""
        for index in range(start, len(self) if stop is None else min(stop, len(self))):
            ctx.check()
            ref = self._refs[index]
            try:
                rgb = read_image(ref.path).rgb
                if rgb.shape[:2] != self._hw:
                    height, width = self._hw
                    raise ImageError(  # noqa: TRY301  (the same fate as a frame that cannot be read)
                        f"it is {rgb.shape[1]} x {rgb.shape[0]} pixels, the annotated frames are {width} x {height}",
                        path=ref.path,
                        hint="Frames of one video have one size; take it out of the project",
                    )
            except ImageError as error:
                if all(known.path != error.path for known in ctx.failures):
                    ctx.fail(error)
                continue
            self._last = rgb, ref
            yield Frame(index, ref.name, rgb)


class LabelAnchors(Mapping[int, NDArray[np.integer]]):
    """Label maps by frame, each unpacked when it is asked for, so that many annotated frames cost little memory."""

    def __init__(self, packed: Mapping[int, PackedLabels]) -> None:
        self._packed = packed

    def __getitem__(self, index: int) -> NDArray[np.integer]:
        return self._packed[index].unpack()

    def __iter__(self) -> Iterator[int]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)
