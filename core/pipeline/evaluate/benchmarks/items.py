"""Results of single items (a sequence, a set, a pair), kept as they come: a killed run goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from counterpart.core.errors import FormatError, ImageError, ProtocolError
from counterpart.core.files import output_errors, write_text
from counterpart.core.jobs import JobContext
from counterpart.core.sealed import seal_values, unseal_values

STATE_NAME = "state.jsonl"
_VERSION = 1
Item = TypeVar("Item")


class ItemStore:
    """Results by item, in `FOLDER/state.jsonl`: a head with the parameters, then a line per item.

    What another run with the same parameters left there is taken over; after a change of parameters it starts anew,
    and a warning says so. A last line that was cut off by a kill is dropped.

    Args:
        folder: Where the file lies; None keeps results in memory alone.
        params: Everything that a result depends on, as plain values.
        ctx: Warnings.

    Raises:
        OutputError: The folder cannot be written.
    """

    def __init__(self, folder: Path | None, params: dict[str, Any], ctx: JobContext) -> None:
        self._path = None if folder is None else folder / STATE_NAME
        self._results: dict[str, dict[str, Any]] = {}
        self.resumed = 0
        if self._path is None:
            return
        text = json.dumps(params, sort_keys=True, default=str)
        head = {"version": _VERSION, "digest": hashlib.sha256(text.encode()).hexdigest(), "params": json.loads(text)}
        if self._path.is_file():
            self._take_over(self._path, head["digest"], ctx)
        lines = [json.dumps(head), *(_line(k, v) for k, v in self._results.items())]
        write_text(self._path, "".join(f"{line}\n" for line in lines))

    def _take_over(self, path: Path, digest: object, ctx: JobContext) -> None:
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            head = json.loads(lines[0])
            same = head["version"] == _VERSION and head["digest"] == digest
        except (OSError, ValueError, LookupError, TypeError):
            ctx.warn(f"{path}: the state of an earlier run is damaged; everything is measured anew")
            return
        if not same:
            ctx.warn(f"{path}: the parameters have changed since the earlier run; everything is measured anew")
            return
        for line in lines[1:]:
            try:
                entry = unseal_values(json.loads(line), required=True)
                self._results[str(entry["item"])] = dict(entry["result"])
            except (ValueError, LookupError, TypeError):
                continue  # damaged, or being written when the run was killed; its item is measured again
        self.resumed = len(self._results)

    def __contains__(self, key: str) -> bool:
        return key in self._results

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self._results[key]

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Keep a result; it is on the disk when this returns.

        Raises:
            OutputError: It cannot be written.
        """
        self._results[key] = result
        if self._path is None:
            return
        with output_errors(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(_line(key, result) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _line(key: str, result: dict[str, Any]) -> str:
    return json.dumps(seal_values({"item": key, "result": result}))


def run_items(
    items: Sequence[Item],
    key: Callable[[Item], str],
    work: Callable[[Item, JobContext], dict[str, Any]],
    store: ItemStore,
    ctx: JobContext,
) -> dict[str, dict[str, Any]]:
    """Measure each item that the store lacks; one that cannot be measured is recorded in `ctx.failures`.

    Args:
        items: What to measure.
        key: Names an item.
        work: Measures one; the result is plain values.
        store: Where results are kept.
        ctx: Progress and cancellation; what was measured before a cancel is kept.

    Returns:
        Results by key, in the items' order, without those that failed.

    Raises:
        ProtocolError: Not a single item could be measured.
        JobCancelledError: Cancelled.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, item in enumerate(items):
        name = key(item)
        ctx.step(number, len(items), f"Measuring {name}")
        if name not in store:
            before = len(ctx.failures)
            try:
                store.add(name, work(item, ctx.stage(number / len(items), (number + 1) / len(items))))
            except (ImageError, ProtocolError, FormatError) as error:
                if len(ctx.failures) == before:  # else its images were named one by one already
                    ctx.fail(error)
                continue
        found[name] = store[name]
    if not found:
        raise ProtocolError("nothing could be measured", hint="See the reasons given for each")
    ctx.step(len(items), len(items), "Measured")
    return found
