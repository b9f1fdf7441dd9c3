"""Small changes to a module's syntax tree, each of which a test ought to notice.

Left alone is what cannot matter or only matters to a reader: docstrings, annotations, decorators, imports, logging, the
messages of errors, strings, `__all__`, and what stands under `TYPE_CHECKING`. Calls of `step` and `check` on a job's
context as well: a report of progress more or less changes no result, and that jobs can be cancelled is tested of each
job as a whole.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_PAIRS = (
    "min max",
    "nanmin nanmax",
    "minimum maximum",
    "amin amax",
    "argmin argmax",
    "floor ceil",
    "any all",
    "logical_and logical_or",
    "zeros ones",
    "zeros_like ones_like",
    "erode dilate",
    "sin cos",
    "hstack vstack",
)
FUNCTIONS = {name: other for pair in _PAIRS for name, other in (pair.split(), pair.split()[::-1])} | {
    "round": "int",
    "rint": "floor",
    "median": "mean",
    "mean": "max",
    "cumsum": "asarray",
}
"""What is called instead of a function of that name."""
UNWRAPPED = {
    "clip",
    "abs",
    "sqrt",
    "log",
    "exp",
    "sort",
    "sorted",
    "reversed",
    "unique",
    "cumsum",
    "normalize",
    "lower",
}
"""Functions that a mutant calls no longer: their first argument is taken as it is."""
DROPPED_KEYWORDS = {
    "axis", "dim", "axes", "connectivity", "keepdims", "ddof", "kind", "side", "mode", "order", "ord", "borderType",
    "interpolation", "align_corners", "antialias", "key", "reverse", "largest", "iterations", "initial", "minlength",
    "structure", "diagonal", "indexing", "stable",
}  # fmt: skip
"""Keyword arguments with a default that means something else."""
UNTOUCHED_KEYWORDS = {
    "copy", "strict", "dtype", "check", "daemon", "exist_ok", "parents", "encoding", "errors", "stacklevel", "repr",
    "compare", "init", "hash", "eq", "frozen", "slots", "hint", "allow_pickle", "name", "bufsize",
}  # fmt: skip
LOGGERS = {"log", "logger", "logging", "_log", "_logger", "warnings"}
NOTHING = 1e-5
"""Floats below this guard against division by zero; twice as much guards as well."""


@dataclass(frozen=True, slots=True, eq=False)
class Mutant:
    """One change: `new` stands where `old` stood, in `field` (and at `index` of it, where it is a list) of `parent`.

    Attributes:
        lines: First and last line of the statement that is changed, its head alone where it has a body.
        at_import: Whether that statement runs when the module is imported rather than when a test calls something.
        text: The first line of the changed expression, as it stands in the file.
    """

    parent: ast.AST
    field: str
    index: int | None
    old: ast.AST
    new: ast.AST
    lines: tuple[int, int]
    at_import: bool
    line: int
    text: str

    @property
    def change(self) -> str:
        """What becomes what, as source text."""
        return f"{_source(self.old)} → {_source(self.new)}"

    def apply(self) -> None:
        """Put the change into the tree that the mutant was found in."""
        self._put(self.new)

    def revert(self) -> None:
        """Take it out again."""
        self._put(self.old)

    def _put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def find_mutants(source: str) -> tuple[ast.Module, list[Mutant]]:
    """The syntax tree of a module, and every change to it, in the order of the file."""
    tree = ast.parse(source)
    return tree, list(_Finder(source).block(tree, "body", at_import=True))


class _Finder:
    def __init__(self, source: str) -> None:
        self._lines = source.splitlines()
        self._head = (0, 0)
        self._at_import = True

    # Statements ------------------------------------------------------------
    def block(self, parent: ast.AST, field: str, *, at_import: bool) -> Iterator[Mutant]:
        for index, statement in enumerate(getattr(parent, field)):
            if _matters(statement):
                yield from self._statement(parent, field, index, statement, at_import)

    def _statement(self, parent: ast.AST, field: str, index: int, node: ast.stmt, at_import: bool) -> Iterator[Mutant]:
        bodies = [name for name in ("body", "orelse", "finalbody") if getattr(node, name, None)]
        first_inside = min((getattr(node, name)[0].lineno for name in bodies), default=(node.end_lineno or 0) + 1)
        self._head, self._at_import = (node.lineno, max(first_inside - 1, node.lineno)), at_import
        if isinstance(node, ast.FunctionDef):
            yield from self._defaults(node.args)
            yield from self.block(node, "body", at_import=False)
            return
        if isinstance(node, ast.AugAssign):
            yield self._mutant(parent, field, index, node, ast.Pass())
            if other := OPERATORS.get(type(node.op)):
                yield self._mutant(parent, field, index, node, ast.AugAssign(node.target, other(), node.value))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield self._mutant(parent, field, index, node, ast.Pass())
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) > 1:
            first, second, *rest = node.value.elts
            yield self._mutant(node, "value", None, node.value, ast.Tuple([second, first, *rest], ast.Load()))
        elif isinstance(node, ast.If | ast.While) and not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield self._mutant(node, "test", None, node.test, ast.UnaryOp(ast.Not(), node.test))
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "decorator_list", "returns", "bases", "keywords", "type_params", *bodies}:
                continue
            yield from self._values(node, name, value)
        for handler in getattr(node, "handlers", ()):
            yield from self.block(handler, "body", at_import=at_import)
        for name in bodies:
            yield from self.block(node, name, at_import=at_import)

    def _defaults(self, arguments: ast.arguments) -> Iterator[Mutant]:
        # A default is read when the function is made, that is at import.
        yield from self._values(arguments, "defaults", arguments.defaults)
        yield from self._values(arguments, "kw_defaults", arguments.kw_defaults)

    # Expressions ------------------------------------------------------------
    def _values(self, parent: ast.AST, field: str, value: object) -> Iterator[Mutant]:
        if isinstance(value, ast.expr | ast.slice | ast.keyword | ast.comprehension | ast.withitem):
            yield from self._expression(parent, field, None, value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.expr | ast.keyword | ast.comprehension | ast.withitem):
                    yield from self._expression(parent, field, index, item)

    def _expression(self, parent: ast.AST, field: str, index: int | None, node: ast.AST) -> Iterator[Mutant]:
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.keyword) and node.arg in UNTOUCHED_KEYWORDS):
            return
        for new in _variants(node):
            yield self._mutant(parent, field, index, node, new)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            return  # the sign and the number: once is enough
        if isinstance(node, ast.Call) and _name(node.func) in {"cast", "TypeVar", "Literal", "field"}:
            return
        for name, value in ast.iter_fields(node):
            if name == "args" and isinstance(node, ast.Call) and _name(node.func) in {"reshape", "view"}:
                value = [
                    None if ast.unparse(each) == "-1" else each for each in node.args
                ]  # any negative says the same
            yield from self._values(node, name, value)

    def _mutant(self, parent: ast.AST, field: str, index: int | None, old: ast.AST, new: ast.AST) -> Mutant:
        line = getattr(old, "lineno", self._head[0])
        new = ast.fix_missing_locations(ast.copy_location(new, old) if hasattr(old, "lineno") else new)
        text = self._lines[line - 1].strip()
        return Mutant(parent, field, index, old, new, self._head, self._at_import, line, text)


def _matters(node: ast.stmt) -> bool:
    """Whether anything in a statement may be changed."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Raise | ast.Assert | ast.Global | ast.Nonlocal | ast.Delete):
        return False
    if isinstance(node, ast.Expr):
        if isinstance(node.value, ast.Constant):
            return False  # a docstring, or `...`
        return not (isinstance(node.value, ast.Call) and (_root(node.value.func) in LOGGERS or _is_report(node.value)))
    if isinstance(node, ast.If):
        return _name(node.test) != "TYPE_CHECKING"
    if isinstance(node, ast.FunctionDef):
        return "overload" not in {_name(each) for each in node.decorator_list}
    if isinstance(node, ast.Assign):
        names = {_name(target) for target in node.targets}
        is_type = isinstance(node.value, ast.Subscript | ast.BinOp) and all(name[:1].isupper() for name in names)
        return "__all__" not in names and not (is_type and not any(name.isupper() for name in names))
    return True


def _variants(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in place of an expression."""
    maker = _MAKERS.get(type(node))
    if maker is not None:
        yield from maker(node)


def _other_comparisons(node: ast.Compare) -> Iterator[ast.AST]:
    for place, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            yield ast.Compare(node.left, [*node.ops[:place], other(), *node.ops[place + 1 :]], node.comparators)


def _other_signs(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        for value in _other_constants(node.operand.value, sign=False):
            yield ast.UnaryOp(ast.USub(), ast.Constant(value))


def _open_slices(node: ast.Slice) -> Iterator[ast.AST]:
    for part in ("lower", "upper", "step"):
        if getattr(node, part) is not None:
            new = copy.copy(node)
            setattr(new, part, None)
            yield new


def _unfiltered(node: ast.comprehension) -> Iterator[ast.AST]:
    if node.ifs:
        yield ast.comprehension(node.target, node.iter, node.ifs[:-1], node.is_async)


def _other_constants(value: object, *, sign: bool = True) -> Iterator[float]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
        if value > 0:
            yield value - 1
    elif isinstance(value, float):
        if value == 0:
            yield 1.0
        elif abs(value) >= NOTHING:
            yield value * 2
        if value and sign:
            yield -value


def _other_arithmetic(node: ast.BinOp) -> Iterator[ast.AST]:
    if any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (node.left, node.right)):
        return
    if isinstance(node.op, ast.FloorDiv):  # rounded up
        down = ast.BinOp(ast.UnaryOp(ast.USub(), node.left), ast.FloorDiv(), node.right)
        yield ast.UnaryOp(ast.USub(), down)
    elif other := OPERATORS.get(type(node.op)):
        yield ast.BinOp(node.left, other(), node.right)


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    name = _name(node.func)
    other = None if name == "zeros" and node.args and _is_empty(node.args[0]) else FUNCTIONS.get(name)
    if other is not None:
        renamed: ast.expr = ast.Name(other, ast.Load())
        if isinstance(node.func, ast.Attribute):
            renamed = ast.Attribute(node.func.value, other, ast.Load())
        yield ast.Call(renamed, node.args, node.keywords)
    if name in UNWRAPPED:
        module_call = not isinstance(node.func, ast.Attribute) or _root(node.func) in {"np", "cv2", "torch", "math"}
        if module_call and node.args:
            yield node.args[0]
        elif isinstance(node.func, ast.Attribute) and not module_call:
            yield node.func.value
    for place, keyword in enumerate(node.keywords):
        if keyword.arg in DROPPED_KEYWORDS:
            yield ast.Call(node.func, node.args, [*node.keywords[:place], *node.keywords[place + 1 :]])


_MAKERS: dict[type[ast.AST], Callable[[Any], Iterator[ast.AST]]] = {
    ast.Constant: lambda node: (ast.Constant(value) for value in _other_constants(node.value)),
    ast.Compare: _other_comparisons,
    ast.BinOp: _other_arithmetic,
    ast.BoolOp: lambda node: iter([ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)]),
    ast.UnaryOp: _other_signs,
    ast.IfExp: lambda node: iter([ast.IfExp(node.test, node.orelse, node.body)]),
    ast.Slice: _open_slices,
    ast.comprehension: _unfiltered,
    ast.Call: _other_calls,
}


def _is_empty(shape: ast.expr) -> bool:
    """Whether an array of a shape has no values that could be others."""
    sides = shape.elts if isinstance(shape, ast.Tuple) else [shape]
    return any(isinstance(side, ast.Constant) and side.value == 0 for side in sides)


def _is_report(call: ast.Call) -> bool:
    """Whether a call says how far a job is, as `ctx.step(done, total, text)`, or asks whether it was cancelled."""
    function = call.func
    if not isinstance(function, ast.Attribute):
        return False
    return (function.attr == "step" and len(call.args) == 3) or ast.unparse(function) == "ctx.check"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _name(node: ast.expr) -> str:
    """The last part of a dotted name; nothing for other expressions."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _root(node: ast.expr) -> str:
    """The first part of a dotted name."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _source(node: ast.AST) -> str:
    if isinstance(node, ast.Pass):
        return "nothing"
    if isinstance(node, ast.comprehension):
        tests = "".join(f" if {ast.unparse(test)}" for test in node.ifs)
        return f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}{tests}"
    return ast.unparse(node)
