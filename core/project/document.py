"""The open project: what it holds, the only way to change it, and who is told.

Reading gives immutable values. Changing goes through commands: `apply` does one (or does it again), `revert` takes it
back, each as one transaction that is in the file when the call returns. Listeners are told afterwards, by typed
changes. Use from one thread; hand values, not the document, to jobs.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import cast

from counterpart.core.errors import CounterpartError, OutputError, ProjectError
from counterpart.core.images.reading import ImageRef
from counterpart.core.project.changes import Change, Diff, SavedChanged, changes_of
from counterpart.core.project.commands import AddImages, Command, NewImage, NoteFacts, NoteSettings, Outcome
from counterpart.core.project.commands.images import root_row
from counterpart.core.project.edit import Edit, Record, check_storable, merged_row
from counterpart.core.project.listeners import Listeners
from counterpart.core.project.model import ImageRecord
from counterpart.core.project.placing import resolved
from counterpart.core.project.schema import Key, Row
from counterpart.core.project.store import Rows, Store
from counterpart.core.project.view import ProjectView

_LABEL_TABLES = {"label_maps", "label_parts", "label_tiles", "touched_tiles"}
_TILE_TABLES = {"label_tiles", "touched_tiles"}


class Document(ProjectView):
    """An open project. Made by `new`, `open` or, without a file yet, `untitled`; close it when done.

    Attributes:
        revision: Rises with every change; jobs note it and hand it back with their results.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._listeners = Listeners[[Change]]()
        self._notifying = False
        self._revisions: dict[tuple[str, int], int] = {}
        self._last_state = self._state = 0
        self._saved_at = ""
        self._save_error: CounterpartError | None = None
        self._told_read_only = self.read_only
        self.revision = 0

    # Opening and closing

    @classmethod
    def untitled(cls) -> Document:
        """An empty project in memory; `save_as` gives it a file."""
        return cls(Store.create(None))

    @classmethod
    def new(cls, path: str | Path, *, overwrite: bool = False) -> Document:
        """An empty project in a new file.

        Raises:
            OutputError: The file exists already, is open elsewhere, or cannot be made.
        """
        return cls(Store.create(path, overwrite=overwrite))

    @classmethod
    def open(cls, path: str | Path, *, read_only: bool = False) -> Document:
        """Open a project file. Open elsewhere or not writable, it opens read-only; `why_read_only` says why.

        A damaged file opens read-only with what can be read of it, `problems` naming the rest.

        Raises:
            ProjectError: Not there, not a project, of a later version, or damaged past reading.
        """
        store = Store.open(path, read_only=read_only)
        try:
            return cls(store)
        except BaseException:
            store.close()
            raise

    def save_as(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the project to a new file and go on with that one. The history of commands stays usable.

        Raises:
            OutputError: The file exists already, is open elsewhere, or cannot be made. The document is as it was.
            UsageError: The names of the folders between it and the images are not text.
        """
        folder = resolved(path).parent
        roots: Rows = {("roots", (root,)): root_row(place, folder) for root, place in self._content.roots.items()}
        for row in roots.values():
            check_storable(row or ())
        self._store.save_as(path, roots, overwrite=overwrite)
        self._saved()

    def save(self) -> None:
        """Write what could not be written before, everything else being saved already; the file alone is complete then.

        Raises:
            OutputError, ProjectError: It still cannot be written.
        """
        try:
            self._store.save()
        except CounterpartError as error:
            self._not_saved(error)
            raise
        self._store.fold()
        self._saved()

    def fold(self) -> bool:
        """Make the file complete without what SQLite keeps beside it, so that it can be copied while it is open.

        Returns:
            Whether it is now; a process that reads the project this moment may be in the way.
        """
        return self._store.fold()

    def close(self) -> None:
        """Close the file and let others write it. What `saved` says is not saved is lost."""
        self._store.close()

    def __enter__(self) -> Document:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close. A block that comes to its end has its work in the file, or raises what kept it out.

        Raises:
            OutputError, ProjectError: Some of it cannot be written.
        """
        try:
            if kind is None and self._store.unsaved and not self.read_only:
                self.save()
        finally:
            self.close()

    @property
    def saved(self) -> SavedChanged:
        """How the file stands to what is on the screen."""
        return SavedChanged(not self._store.unsaved, self._saved_at, self._save_error)

    # Changing

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Have a function called after every change; calling what is returned ends that."""
        return self._listeners.add(callback)

    def apply(self, command: Command) -> bool:
        """Do a command, or do it again after `revert`.

        The change is in the file when this returns. If it could not be written (a full disk) it stands nevertheless, is
        kept in memory, and `saved` and a `SavedChanged` say so; it is written with the next change that can be.

        Returns:
            Whether anything changed. A command that changes nothing leaves no trace and must not be reverted.

        Raises:
            CounterpartError: It cannot be done. Nothing changed.
            RuntimeError: It is done again out of turn.
        """
        self._check_writable(command)
        if command.record is not None:
            self._check_turn(command.record.before)
            self._step(command.record, forward=True)
            return True
        edit = self._begin()
        command.do(edit)
        diff = edit.diff()
        if not diff:
            return False
        sizes = self._label_sizes(diff)
        counters: Diff = {
            ("counters", (kind,)): (None, (value,))
            for kind, value in edit.counters.items()
            if self._content.counters.get(kind) != value
        }
        self._content.counters.update(edit.counters)
        if command.undoable:
            self._last_state += 1
            command.record = Record.of(diff, edit.boxes, self._state, self._last_state)
            self._state = self._last_state
            command.release()
        self._commit({**diff, **counters}, sizes, edit.boxes, revise=command.undoable)
        return True

    def rehearse(self, command: Command) -> Diff:
        """The rows that a command would change, without changing any; its `outcome` says what would come of it.

        The command is spent by it. A read-only document can rehearse too: on a worker, on a view of its own.

        Raises:
            CounterpartError: It cannot be done.
        """
        edit = self._begin()
        command.do(edit)
        return edit.diff()

    def revert(self, command: Command) -> None:
        """Undo a command: the last one that was done and not undone.

        Raises:
            CounterpartError: The document is read-only.
            RuntimeError: It was not applied, or is reverted out of turn.
        """
        self._check_writable(command)
        if command.record is None:
            raise RuntimeError(f"{command.text!r} was not applied")
        self._check_turn(command.record.after)
        self._step(command.record, forward=False)

    def note_facts(self, facts: Iterable[ImageRecord]) -> Outcome:
        """Write down sizes, hashes and doubts that were learnt. No step of the history; dropped when read-only.

        Returns:
            Which files are others now: see `NoteFacts`.
        """
        command = NoteFacts(list(facts))
        if self.read_only:
            self.rehearse(command)
        else:
            self.apply(command)
        return command.outcome

    def note_settings(self, values: Mapping[str, object]) -> None:
        """Write down how the project is looked at. No step of the history; dropped when read-only."""
        if not self.read_only:
            self.apply(NoteSettings(values))

    def add_images(self, images: Iterable[NewImage | ImageRef]) -> list[int]:
        """Add images outside of any history, as when a folder is opened; the ids of those that were new."""
        command = AddImages(list(images))
        self.apply(command)
        return command.outcome.created

    def image_revision(self, image_id: int, kind: str) -> int:
        """Revision at which `labels`, `keypoints` or `matches` of an image last changed; 0 for not since opening."""
        return self._revisions.get((kind, image_id), 0)

    def _begin(self) -> Edit:
        return Edit(
            self._store,
            self._content.images,
            self._content.parts,
            self._content.skeletons,
            dict(self._content.counters),
            self._revisions,
            self._labels_now,
            self._content.roots,
            None if self.path is None else self.path.parent,
        )

    def _check_writable(self, command: Command) -> None:
        if self._notifying:
            raise RuntimeError(f"{command.text!r} came while a change was being told")
        self._store.check_writable()

    def _check_turn(self, state: int) -> None:
        if state != self._state:
            raise RuntimeError("commands are undone and redone in the order in which they were done")

    def _step(self, record: Record, *, forward: bool) -> None:
        """Take the rows of a record from before to after, or back."""
        diff: Diff = {}
        for (table, key), (before, after) in record.diff.items():
            source, target = (before, after) if forward else (after, before)
            # Only commands write tiles, and they are undone in turn: what is there needs no reading back.
            now = source if table in _TILE_TABLES else self._store.get(table, key)
            diff[table, key] = (now, merged_row(now, source, target))
        sizes = self._label_sizes(diff)
        self._state = record.after if forward else record.before
        self._commit(diff, sizes, record.boxes, revise=True)

    def _commit(
        self,
        diff: Diff,
        sizes: Mapping[int, tuple[int, int]],
        boxes: Mapping[int, tuple[int, int, int, int]],
        *,
        revise: bool,
    ) -> None:
        self._store.put({place: after for place, (_, after) in diff.items()})
        self._content.take(diff)
        self._labels.update(diff)
        if revise:
            self.revision += 1
            for table, key in diff:
                for place in _revised(table, key, diff[table, key]):
                    self._revisions[place] = self.revision
        self._write()
        self._notify([*changes_of(diff, sizes, boxes), self.saved])

    def _label_sizes(self, diff: Diff) -> dict[int, tuple[int, int]]:
        """(height, width) of every label map that a diff changes, after the change or, where it goes, before."""
        sizes: dict[int, tuple[int, int]] = {}
        for table, key in diff:
            image = key[0]
            if table != "label_tiles" or image in sizes:
                continue
            before, after = diff.get(("label_maps", (image,)), (None, None))
            row = after or before or self._store.get("label_maps", (image,))
            sizes[cast("int", image)] = cast("tuple[int, int]", row[:2]) if row is not None else (0, 0)
        return sizes

    def _write(self) -> None:
        try:
            self._store.save()
        except (OutputError, ProjectError) as error:
            self._save_error = error
        else:
            self._save_error = None
            self._saved_at = dt.datetime.now().astimezone().isoformat(timespec="seconds")

    def _about(self, image_id: int, error: ProjectError) -> ProjectError:
        """Reading may find that the file is damaged, which turns it read-only: whoever listens hears of it at once."""
        if self.read_only and not self._told_read_only and not self._notifying:
            self._told_read_only = True
            self._notify([self.saved])
        return super()._about(image_id, error)

    def _saved(self) -> None:
        self._told_read_only = self.read_only
        self._save_error = None
        self._saved_at = dt.datetime.now().astimezone().isoformat(timespec="seconds")
        self._notify([self.saved])

    def _not_saved(self, error: CounterpartError) -> None:
        self._save_error = error
        self._notify([self.saved])

    def _notify(self, changes: Iterable[Change]) -> None:
        failed: list[Exception] = []
        self._notifying = True
        try:
            for change in changes:
                failed += self._listeners.tell(change)
        finally:
            self._notifying = False
        if failed:
            raise failed[0]


def _places(row: Row | None) -> object:
    """Which keypoint stands where in a skeleton's row."""
    return None if row is None else json.loads(str(row[0]))["point_ids"]


def _revised(table: str, key: Key, rows: tuple[Row | None, Row | None]) -> list[tuple[str, int]]:
    """The (kind, image or skeleton) whose revision a change of a row moves on."""
    if table in _LABEL_TABLES:
        return [("labels", cast("int", key[0]))]
    if table == "keypoints":
        return [("keypoints", cast("int", row[0])) for row in rows if row is not None]
    if table == "matches":
        return [("matches", cast("int", image)) for image in key]
    if table == "skeletons" and _places(rows[0]) != _places(rows[1]):
        return [("skeleton", cast("int", key[0]))]
    return []
