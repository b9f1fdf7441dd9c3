"""What a pickled checkpoint describes, read without running it.

Unpickling runs whatever the file asks for. Torch's restricted reader asks a list first, and still hands the file's
values to constructors and state setters of classes on that list: 91 bytes that set the state of a `numpy.dtype` end
the process. Here the opcodes are interpreted instead: dictionaries, lists, numbers and text are built, calls of torch's
own rebuilding functions become descriptions of tensors, and everything else becomes a thing that is passed over. No
class is looked up and no object of the file's choosing is called, set up or hashed.
"""

from __future__ import annotations

import pickletools
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, cast

MOST_OPCODES = 1_000_000
"""A training checkpoint has some ten thousand; empty containers by the million are a bomb."""

_MOST_DIMENSIONS = 16
_DTYPES = {
    "FloatStorage": "float32", "HalfStorage": "float16", "DoubleStorage": "float64", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "QInt8Storage": "qint8", "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32", "UntypedStorage": "uint8",
}  # fmt: skip
# What training scripts keep beside tensors: options, configurations, learning rates. Passed over like everything else
# that is called; what is not in this list has no place in a checkpoint, and the file is refused for it.
_HARMLESS = (
    "torch.", "collections.", "argparse.Namespace", "numpy.", "_codecs.encode", "pathlib.", "omegaconf.", "typing.Any",
    "datetime.",
)  # fmt: skip
_HARMLESS_TYPES = {
    f"{module}.{name}"
    for module in ("builtins", "__builtin__")
    for name in (
        "object", "set", "frozenset", "list", "dict", "tuple", "str", "int", "float", "bool", "bytes", "bytearray",
        "complex", "slice", "range",
    )
} | {"copyreg._reconstructor", "copy_reg._reconstructor"}  # fmt: skip
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class DamagedPickleError(ValueError):
    """The opcodes make no sense."""


class ForeignCallError(Exception):
    """The pickle calls something that has no place in a checkpoint; the name is the argument."""


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of numbers kept apart from the pickle.

    Attributes:
        key: Its name in the file.
        dtype: Of its numbers, as numpy names it; `bfloat16` and torch's quantised types by torch's names.
        count: How many there are.
    """

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class PickledTensor:
    """A view of a storage.

    Attributes:
        storage: Where its numbers are.
        offset: Of the first, in elements.
        shape: Side lengths.
        strides: Steps of each side, in elements.
        odd: Why it is no plain array of numbers; empty where it is one.
    """

    storage: Storage | None
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    odd: str = ""


class _Passed:
    """Anything that is not looked at."""


_PASSED = _Passed()


@dataclass(frozen=True, slots=True)
class _Name:
    """Something that the pickle calls, by its name alone."""

    dotted: str


class Bounded:
    """A stream that never reads, nor allocates, beyond the end of its file whatever length is asked for."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream, self._size = stream, size

    def read(self, count: int) -> bytes:
        """At most `count` bytes."""
        return self._stream.read(max(0, min(count, self._size - self._stream.tell())))

    def readline(self) -> bytes:
        """A line; names in a pickle are short."""
        return self._stream.readline(10_000)

    def tell(self) -> int:
        """Place in the file."""
        return self._stream.tell()


@dataclass(frozen=True, slots=True)
class Pickled:
    """What a pickle describes.

    Attributes:
        content: Dictionaries (with text and integer keys), lists, tuples, numbers, text, bytes, `PickledTensor`.
        storages: Everything that lies outside the pickle, by its key.
    """

    content: Any
    storages: dict[str, Storage]


def read_pickle(stream: Bounded) -> Pickled:
    """Interpret one pickle of a stream, up to its end mark.

    Raises:
        DamagedPickleError: Not a pickle.
        ForeignCallError: It calls what has no place in a checkpoint.
    """
    machine = _Machine()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of text whose escapes make no sense
            return _run(machine, stream)
    except DamagedPickleError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise DamagedPickleError(str(error)) from None


def _run(machine: _Machine, stream: Bounded) -> Pickled:
    for number, (opcode, argument, _) in enumerate(pickletools.genops(cast("IO[bytes]", stream))):
        if opcode.name == "STOP":
            return Pickled(machine.stack.pop(), machine.storages)
        if number >= MOST_OPCODES:
            raise DamagedPickleError("it has too many pieces")
        machine.step(opcode.name, argument)
    raise DamagedPickleError("it ends too early")


class _Machine:
    """The stack and the memo of one pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._outer: list[list[Any]] = []  # stacks below each open mark
        self._memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def step(self, name: str, argument: Any) -> None:
        """Carry out one opcode."""
        if name in _PUSHES:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _STORES:
            self._memo[len(self._memo) if argument is None else argument] = self.stack[-1]
        elif name in _FETCHES:
            self.stack.append(self._memo[argument])
        elif name in _TUPLES:
            count = _TUPLES[name]
            self._need(count)
            self.stack[-count:] = [tuple(self.stack[-count:])]
        elif name not in ("PROTO", "FRAME"):
            if name not in _ACTIONS:
                raise DamagedPickleError(f"{name} has no place in a checkpoint")
            _ACTIONS[name](self, argument)

    def _need(self, count: int) -> None:
        if len(self.stack) < count:
            raise DamagedPickleError("a value is missing")

    def _above_mark(self) -> list[Any]:
        items, self.stack = self.stack, self._outer.pop()
        return items

    def mark(self, _: Any) -> None:
        self._outer.append(self.stack)
        self.stack = []

    def pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._above_mark()

    def pop_mark(self, _: Any) -> None:
        self._above_mark()

    def duplicate(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def make_tuple(self, _: Any) -> None:
        items = self._above_mark()
        self.stack.append(tuple(items))

    def make_list(self, _: Any) -> None:
        items = self._above_mark()
        self.stack.append(items)

    def make_dict(self, _: Any) -> None:
        items = self._above_mark()
        self.stack.append({})
        self._fill(items)

    def pass_items(self, _: Any) -> None:
        self._above_mark()
        self.stack.append(_PASSED)

    def drop_items(self, _: Any) -> None:
        self._above_mark()
        self._need(1)

    def append(self, _: Any) -> None:
        self._extend([self.stack.pop()])

    def appends(self, _: Any) -> None:
        self._extend(self._above_mark())

    def _extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def set_item(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value])

    def set_items(self, _: Any) -> None:
        self._fill(self._above_mark())

    def _fill(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            # Other keys, such as tuples nested a million deep, are not worth hashing.
            pairs = zip(items[::2], items[1::2], strict=True)
            target.update({key: value for key, value in pairs if isinstance(key, (str, int))})

    def name(self, argument: Any) -> None:
        module, _, name = str(argument).partition(" ")
        self.stack.append(_checked(module, name))

    def name_from_stack(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(_checked(module, name))

    def call(self, _: Any) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        self.stack.append(_called(called, arguments))

    def set_state(self, _: Any) -> None:
        self.stack.pop()
        self._need(1)

    def new_object(self, _: Any) -> None:
        self.stack.pop()
        self.stack[-1] = _PASSED

    def new_object_by_keyword(self, _: Any) -> None:
        self.stack.pop()
        self.stack.pop()
        self.stack[-1] = _PASSED

    def old_instance(self, argument: Any) -> None:
        module, _, name = str(argument).partition(" ")
        _checked(module, name)
        self.pass_items(None)

    def persistent(self, _: Any) -> None:
        identity = self.stack.pop()
        found = _storage(identity)
        if isinstance(found, Storage):
            self.storages[found.key] = found
            if identity[5:] not in ((), (None,)):  # a part of it, as torch saved views before version 0.4
                found = _PASSED
        self.stack.append(found)


_PUSHES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": lambda: _PASSED,
}
_STORES = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_FETCHES = {"GET", "BINGET", "LONG_BINGET"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "DUP": _Machine.duplicate,
    "TUPLE": _Machine.make_tuple,
    "LIST": _Machine.make_list,
    "DICT": _Machine.make_dict,
    "FROZENSET": _Machine.pass_items,
    "ADDITEMS": _Machine.drop_items,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_from_stack,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.set_state,
    "NEWOBJ": _Machine.new_object,
    "NEWOBJ_EX": _Machine.new_object_by_keyword,
    "OBJ": _Machine.pass_items,
    "INST": _Machine.old_instance,
    "BINPERSID": _Machine.persistent,
}


def _checked(module: Any, name: Any) -> _Name:
    if not (isinstance(module, str) and isinstance(name, str) and _NAME.fullmatch(module) and _NAME.fullmatch(name)):
        raise DamagedPickleError("something without a name is called")
    dotted = f"{module}.{name}"
    if not dotted.startswith(_HARMLESS) and dotted not in _HARMLESS_TYPES:
        raise ForeignCallError(dotted)
    return _Name(dotted)


# Torch's calls ----------------------------------------------------------------------------------------------------


def _called(called: Any, arguments: Any) -> Any:
    """What a call of the pickle stands for."""
    if not isinstance(called, _Name) or not isinstance(arguments, tuple):
        return _PASSED
    if called.dotted in _TORCH:
        return _TORCH[called.dotted](*arguments)
    if called.dotted.startswith("torch._utils._rebuild_"):
        kind = called.dotted.removeprefix("torch._utils._rebuild_")
        odd = next((text for part, text in _ODD.items() if part in kind), "a tensor of an unusual kind")
        return PickledTensor(None, 0, (), (), odd)
    return _PASSED


_ODD = {
    "sparse": "a sparse tensor",
    "qtensor": "a quantised tensor",
    "meta": "a tensor without values",
    "nested": "a nested tensor",
}


def _storage(identity: Any) -> Any:
    """Torch's persistent identity: ("storage", type, key, device, count) and, of old, a part of another storage."""
    if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
        return _PASSED
    _, kind, key, _, count = identity[:5]
    if not isinstance(kind, _Name) or not isinstance(key, str) or type(count) is not int or count < 0:
        raise DamagedPickleError("a storage is described wrongly")
    return Storage(key, _DTYPES.get(kind.dotted.rpartition(".")[2], kind.dotted), count)


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any = None, _hooks: Any = None, metadata: Any = None
) -> PickledTensor:
    if not isinstance(storage, Storage):
        return PickledTensor(None, 0, (), (), "a tensor of an unusual kind")
    if not len(shape) == len(strides) <= _MOST_DIMENSIONS:
        raise DamagedPickleError("a tensor is described wrongly")
    if any(type(number) is not int or number < 0 for number in (offset, *shape, *strides)):
        raise DamagedPickleError("a tensor is described wrongly")
    odd = "a conjugate or negated view" if metadata else ""
    return PickledTensor(storage, offset, tuple(shape), tuple(strides), odd)


def _tensor_v3(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, metadata: Any = None
) -> PickledTensor:
    """Of a type that has no storage type of its own; none of these is a network's."""
    found = _tensor(storage, offset, shape, strides, grad, hooks, metadata)
    name = dtype.dotted if isinstance(dtype, _Name) else "unknown"
    return PickledTensor(found.storage, found.offset, found.shape, found.strides, f"a tensor of {name} numbers")


def _ordered_dict(pairs: Any = None, *_: Any) -> dict[Any, Any]:
    """Python 2 gave the pairs along. They are taken out of their list: called again with it, nothing grows."""
    if not isinstance(pairs, list):
        return {}
    found = {key: value for key, value in pairs if isinstance(key, (str, int))}
    pairs.clear()
    return found


def _first(data: Any, *_: Any) -> Any:
    return data


def _subclass(function: Any, _type: Any, arguments: Any, *_: Any) -> Any:
    if isinstance(function, _Name) and function.dotted == "torch._tensor._rebuild_from_type_v2":
        return _PASSED  # no deeper
    return _called(function, arguments)


_TORCH: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._tensor._rebuild_from_type_v2": _subclass,
    "collections.OrderedDict": _ordered_dict,
    "collections.defaultdict": lambda *_: {},
}
