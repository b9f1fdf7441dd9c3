"""Commands on the list of images."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from counterpart.core.images.reading import ImageRef
from counterpart.core.project.commands.base import Command
from counterpart.core.project.edit import Edit
from counterpart.core.project.masks import clear_map
from counterpart.core.project.model import ImageRecord


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image file to take into a project. What is not known yet is learnt later.

    Attributes:
        path: Where the file is.
        name: POSIX path that names it, unique among those added; below its folder's name.
        size_bytes: Length of the file, -1 if unknown.
        sha256: Hash of its bytes, empty if unknown.
        width: Upright width in pixels, 0 if unknown.
        height: Upright height in pixels, 0 if unknown.
    """

    path: Path
    name: str
    size_bytes: int = -1
    sha256: str = ""
    width: int = 0
    height: int = 0


class _Roots:
    """Finds the folder of the project that an image belongs to, and makes a new one where there is none."""

    def __init__(self, edit: Edit) -> None:
        self._edit = edit
        self._known = {folder.as_posix(): root for root, folder in edit.root_folders.items()}

    def place(self, file: str, name: str) -> tuple[int, str]:
        """The folder's id and the path within it: `name`, where the file's path ends with it."""
        if name and file.endswith(f"/{name}"):
            folder, path = file[: -len(name) - 1], name
        else:
            folder, _, path = file.rpartition("/")
        if folder not in self._known:
            root = self._edit.new_id("root")
            row = root_row(Path(folder or "/"), self._edit.project_folder)
            self._edit.put("roots", (root,), row, None)
            self._known[folder] = root
        return self._known[folder], path


def _absolute(file: Path) -> str:
    """Absolute POSIX path. Links stay: the way a person names a folder may outlast what it points to."""
    return os.path.abspath(file).replace(os.sep, "/")  # noqa: PTH100  # pathlib would cost seconds for a large set


def root_row(folder: Path, project_folder: Path | None) -> tuple[str, str]:
    """How an image folder is written down: relative to the project's folder where there is a way, and absolute."""
    relative = ""
    if project_folder is not None:
        with contextlib.suppress(ValueError):  # another drive
            relative = Path(os.path.relpath(folder, project_folder)).as_posix()
    return relative, folder.as_posix()


@dataclass(eq=False)
class AddImages(Command):
    """Take images into the project; those that are in it already are passed over. The files are not copied.

    `outcome.created` has the ids of those that were added.

    Attributes:
        images: What to add, `ImageRef`s as `core.images.finding.find_images` gives them, or with more that is known.
        ids: Once applied, the id of each of them, whether it was new or not.
    """

    images: Sequence[NewImage | ImageRef]
    ids: list[int] = field(default_factory=list, init=False, repr=False)

    @property
    def text(self) -> str:
        return "Add images"

    def do(self, edit: Edit) -> None:
        roots = _Roots(edit)
        names = {record.name.casefold() for record in edit.images.values()}
        folders = {root: folder.as_posix() for root, folder in edit.root_folders.items()}
        files = {f"{folders.get(record.root, '')}/{record.path}": record.id for record in edit.images.values()}
        for item in self.images:
            image = item if isinstance(item, NewImage) else NewImage(item.path, item.name)
            file = _absolute(image.path)
            if file in files:
                self.ids.append(files[file])
                continue
            root, path = roots.place(file, image.name)
            name = _free_name(image, names)
            names.add(name.casefold())
            number = edit.new_id("image")
            files[file] = number
            self.ids.append(number)
            edit.put_image(
                ImageRecord(number, name, path, root, image.size_bytes, image.sha256, image.width, image.height)
            )
            self.outcome.created.append(number)

    def release(self) -> None:
        self.images = ()


def _free_name(image: NewImage, taken: set[str]) -> str:
    """The image's name, with its folders' names in front, and then a number, while another image has it."""
    name = image.name
    if name.casefold() not in taken:
        return name
    for parent in image.path.parents:
        if not parent.name:
            break
        name = f"{parent.name}/{name}"
        if name.casefold() not in taken:
            return name
    plain, number = image.name, 2
    while f"{number}/{plain}".casefold() in taken:
        number += 1
    return f"{number}/{plain}"


@dataclass(eq=False)
class RemoveImages(Command):
    """Take images out of the project with everything that was annotated on them. The files stay."""

    image_ids: Sequence[int]

    @property
    def text(self) -> str:
        return "Remove image" if len(self.image_ids) == 1 else f"Remove {len(self.image_ids)} images"

    def do(self, edit: Edit) -> None:
        for image in self.image_ids:
            if not edit.has_image(image):
                continue
            clear_map(edit, image)
            for key in edit.find("keypoints", "image", image):
                edit.put("keypoints", key, None)
            for column in ("image_a", "image_b"):
                for key in edit.find("matches", column, image):
                    edit.put("matches", key, None)
            edit.put("images", (image,), None)
            self.outcome.changed.append(image)


@dataclass(eq=False)
class RelinkImages(Command):
    """Say where images are now, after they were moved or renamed. Their names in the project stay.

    Attributes:
        places: New file by image.
    """

    places: Mapping[int, Path]

    @property
    def text(self) -> str:
        return "Relink images"

    def do(self, edit: Edit) -> None:
        roots = _Roots(edit)
        for image, place in self.places.items():
            record = edit.image(image)
            root, path = roots.place(_absolute(Path(place)), record.path)
            if (root, path) != (record.root, record.path):
                edit.put_image(dataclasses.replace(record, root=root, path=path))
                self.outcome.changed.append(image)


@dataclass(eq=False)
class NoteFacts(Command):
    """Write down what was learnt about image files. Not a step of the history, and no change to a person's work.

    Attributes:
        facts: Records with the facts filled in; of each, only size, hash, width, height and doubt are taken.
    """

    facts: Iterable[ImageRecord]

    @property
    def text(self) -> str:
        return "Note facts about images"

    @property
    def undoable(self) -> bool:
        return False

    def do(self, edit: Edit) -> None:
        for fact in self.facts:
            if not edit.has_image(fact.id):
                continue
            record = edit.image(fact.id)
            edit.put_image(
                dataclasses.replace(
                    record,
                    size_bytes=fact.size_bytes,
                    sha256=fact.sha256,
                    width=fact.width,
                    height=fact.height,
                    doubt=fact.doubt,
                )
            )
