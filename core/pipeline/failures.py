"""Which of a project's images a job could not use."""

from __future__ import annotations

from collections.abc import Mapping

from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext

__all__ = ["failed_images"]


def failed_images(refs: Mapping[int, ImageRef], ctx: JobContext) -> dict[int, str]:
    """Why images could not be used, by id: of the failures recorded so far, those that name one of their files."""
    where = {ref.path: image for image, ref in refs.items()}
    return {where[error.path]: str(error) for error in ctx.failures if error.path in where}
