"""Commands on the list of images."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from counterpart.core.images.reading import ImageRef
from counterpart.core.project.aside import Replacement, annotated_hw, aside_key, other_picture, replacement_of
from counterpart.core.project.commands.base import Command
from counterpart.core.project.commands.settings import setting_row
from counterpart.core.project.edit import Edit
from counterpart.core.project.model import ImageRecord
from counterpart.core.project.rescaling import remove_annotations, rescale_annotations
from counterpart.core.wording import plural


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
            remove_annotations(edit, image)
            edit.put("settings", (aside_key(image),), None)
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

    An annotated image whose file has another size in pixels now keeps its record, which its annotations belong to (also
    where they were undone: they may be done again); what lies in its place is noted beside it (see
    `core.project.aside`), and it is named in `outcome.skipped`. When the old file is back, that ends.
    `outcome.changed` has the images whose files are others of the same size.

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
            was = annotated_hw(edit, record)
            if was is None and min(record.hw) > 0 and _annotated_lately(edit, fact.id):
                was = record.hw  # undone, but it may be done again
            if was is not None and min(fact.hw) > 0 and fact.hw != was:
                self._put_aside(edit, fact, was)
                continue
            if fact.sha256:
                edit.put("settings", (aside_key(fact.id),), None)
            if record.sha256 and fact.sha256 and record.sha256 != fact.sha256:
                self.outcome.changed.append(fact.id)
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

    def _put_aside(self, edit: Edit, fact: ImageRecord, was: tuple[int, int]) -> None:
        record = edit.image(fact.id)
        now = Replacement(fact.height, fact.width, fact.size_bytes, fact.sha256)
        edit.put("settings", (aside_key(fact.id),), setting_row(asdict(now)))
        edit.put_image(dataclasses.replace(record, doubt=fact.doubt))
        self.outcome.skipped.append((fact.id, other_picture(record.name, now.hw, was)))


def _annotated_lately(edit: Edit, image: int) -> bool:
    """Whether labels, points or matches of an image changed since the project was opened."""
    return any(edit.changed_since(kind, image, 0) for kind in ("labels", "keypoints", "matches"))


@dataclass(eq=False)
class TakeReplacements(Command):
    """Go on with the pictures that lie in the place of others of another size.

    Attributes:
        image_ids: Images that lie aside; others are passed over.
        scale: Scale their labels, points and matches to the new size, where the shape is the same; the others are named
            in `outcome.skipped`. Without, all of that is given up.
    """

    image_ids: Sequence[int]
    scale: bool

    @property
    def text(self) -> str:
        what = "Scale labels" if self.scale else "Give up labels"
        return f"{what} of replaced {plural(len(self.image_ids), 'image')}"

    def do(self, edit: Edit) -> None:
        for image in self.image_ids:
            now = replacement_of(edit.setting(aside_key(image)))
            if now is None or not edit.has_image(image):
                continue
            record = edit.image(image)
            was = annotated_hw(edit, record)
            if self.scale and was is not None:
                if not now.scales(was):
                    self.outcome.skipped.append((image, "it has another shape now"))
                    continue
                rescale_annotations(edit, image, was, now.hw)
            else:
                remove_annotations(edit, image)
                record = dataclasses.replace(record, state="todo", doubt=None)
            edit.put_image(
                dataclasses.replace(
                    record, height=now.height, width=now.width, size_bytes=now.size_bytes, sha256=now.sha256
                )
            )
            edit.put("settings", (aside_key(image),), None)
            self.outcome.changed.append(image)
