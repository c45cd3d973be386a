"""What the language does not hold, each with its own sentence and its cure.

One walk over the text of a function before it is lowered, so that code that never runs is refused,
too: nothing is dropped silently.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .errors import Error
from .source import FunctionNode, Source

Sentence = tuple[str, str, str]  # what was found, why it cannot be, what to write instead

_STATIC = "compiled code has no objects whose kind is known only at run time"
_RAISE = "compiled code does not handle exceptions"
_GENERATOR = "a compiled function runs from start to end"

REFUSED: dict[type[ast.AST], Sentence] = {
    ast.AsyncFunctionDef: (
        "a coroutine",
        "compiled code runs without an event loop",
        "write a plain `def`",
    ),
    ast.ClassDef: (
        "a class inside a function",
        "compiled code makes no classes",
        "define it at the top of the module",
    ),
    ast.Delete: (
        "a `del` statement",
        "names stay bound until the function returns",
        "leave it out",
    ),
    ast.AsyncFor: (
        "an `async for` loop",
        "compiled code runs without an event loop",
        "write a plain `for`",
    ),
    ast.With: (
        "a `with` statement",
        "compiled code enters no context managers",
        "open what is needed outside, and pass the numbers in",
    ),
    ast.AsyncWith: (
        "an `async with` statement",
        "compiled code enters no context managers",
        "open what is needed outside",
    ),
    ast.Try: ("a `try` statement", _RAISE, "test for the condition with `if` before"),
    ast.TryStar: (
        "a `try` statement with `except*`",
        _RAISE,
        "test for the condition with `if` before",
    ),
    ast.Import: (
        "an `import` inside a function",
        "modules are found when the function is compiled",
        "import at the top of the module",
    ),
    ast.ImportFrom: (
        "an `import` inside a function",
        "modules are found when the function is compiled",
        "import at the top of the module",
    ),
    ast.Set: ("a set", _STATIC, "write a tuple, and compare its elements"),
    ast.SetComp: ("a set comprehension", _STATIC, "write a tuple, and compare its elements"),
    ast.Await: ("an `await`", "compiled code runs without an event loop", "call a plain function"),
    ast.Yield: (
        "a `yield`",
        _GENERATOR,
        "return a tuple, or write the loop where the values are used",
    ),
    ast.YieldFrom: (
        "a `yield from`",
        _GENERATOR,
        "return a tuple, or write the loop where the values are used",
    ),
}

_CONSTANTS: dict[type, Sentence] = {
    bytes: ("a bytes object", "numbers are int, float, complex and bool", "pass the numbers in"),
    type(...): ("an ellipsis", "it stands for no number", "write `pass`, or the indices"),
}


def check_subset(source: Source, top: FunctionNode) -> None:
    """Raise E01 at the first node, in order of text, that the language does not hold."""
    first: tuple[int, int] | None = None
    sentence: tuple[ast.AST, Sentence] | None = None
    for node in evaluated_nodes(top):
        found = refusal(node, top)
        if found is None:
            continue
        here = (getattr(found[0], "lineno", 0), getattr(found[0], "col_offset", 0))
        if first is None or here < first:
            first, sentence = here, found
    if sentence is not None:
        node, (what, why, instead) = sentence
        raise Error("E01", source.loc(node), what, why, instead)


def evaluated_nodes(top: FunctionNode) -> Iterator[ast.AST]:
    """All nodes of a function but annotations and bare constants, which do nothing."""
    stack: list[ast.AST] = [top]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns") or (name == "decorator_list" and node is top):
                continue
            kids = value if isinstance(value, list) else [value]
            if name == "slice":  # in an index, `...` stands for whole axes
                indices = value.elts if isinstance(value, ast.Tuple) else kids
                kids = [k for k in indices if not is_dots(k)]
            stack.extend(k for k in kids if isinstance(k, ast.AST))


def refusal(node: ast.AST, top: FunctionNode) -> tuple[ast.AST, Sentence] | None:
    """The place and the sentence, if this node is outside the language."""
    match node:
        case ast.FunctionDef(decorator_list=[first, *_]) if node is not top:
            why = "a nested function is compiled as it stands"
            return first, ("a decorator on a nested function", why, "call it: `g = decorator(g)`")
        case ast.Constant(value=value) if type(value) in _CONSTANTS:
            return node, _CONSTANTS[type(value)]
        case ast.Raise(exc=None):
            why = "there is no exception that is handled"
            return node, ("a bare `raise`", why, "say which exception: `raise ValueError(...)`")
        case ast.Raise(cause=ast.expr() as cause) if not is_none(cause):
            why = "compiled code handles no exceptions that could be a cause"
            return cause, ("`raise ... from`", why, "leave out `from`")
        case ast.JoinedStr(values=parts) if any(map(computed, parts)):
            why = "the format of a number is known when compiling"
            return node, ("a format that is computed", why, "write the format out: `{x:.3f}`")
    sentence = REFUSED.get(type(node))
    return (node, sentence) if sentence else None


def is_dots(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def computed(part: ast.expr) -> bool:
    """Whether a part of an f-string has a format that is not written out."""
    spec = part.format_spec if isinstance(part, ast.FormattedValue) else None
    return isinstance(spec, ast.JoinedStr) and not all(
        isinstance(p, ast.Constant) for p in spec.values
    )
