"""The reference interpreter of the generic stages, `ssa` and `closed`.

Values are Python objects and an opcode is CPython's own operator, so a run agrees with CPython bit
for bit, and its exceptions are CPython's.  Regions and calls between the module's functions stand
on explicit stacks: neither a long function nor a deep recursion of the program nests this one.

    run_generic(module, "f", (1.0, 2), captures=(), globals={}, derive=None)

A `global` is looked up in `globals`, then as a module's attribute, then among the builtins; one
with `fn` is that function of the module.

`derive(word, function, args, kwargs)` is called where the program calls `morula.WORD(function,
*args, **kwargs)`; its result is the call's.  `function` is a `GenericFunction`: its `function` is
the `ir.core.Function` (of a nested one at `ssa`, with its free values as captures), `captures` the
list of what they hold, `module` where its callees are.  Only the words that take a function go
there; anything else of Morula's is called as it is.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from .binding import bind, by_place
from .core import UNBOUND, Block, Function, Literal, Loop, Module, Op, Operand, Value, free_values
from .ops import GENERIC

Derive = Callable[[str, "GenericFunction", tuple[Any, ...], dict[str, Any]], Any]
ABSENT = object()


def run_generic(
    module: Module,
    name: str,
    args: Sequence[Any],
    captures: Sequence[Any] = (),
    globals: Mapping[str, Any] | None = None,
    derive: Derive | None = None,
) -> Any:
    """Call a function of a generic module with Python objects, one for each parameter or fewer."""
    run = Run(module, globals or {}, derive)
    f = module.functions[name]
    given, more = by_place(f, args)
    return GenericFunction(run, f, list(captures), ())(*given, **more)


class Cell:
    """A captured variable that changes."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class GenericFunction:
    """A function of the module, with what it captured, as a Python callable."""

    __slots__ = ("run", "function", "captures", "defaults")

    def __init__(
        self, run: Run, function: Function, captures: list[Any], defaults: tuple[Any, ...]
    ) -> None:
        self.run, self.function, self.captures = run, function, captures
        self.defaults = defaults

    @property
    def module(self) -> Module:
        return self.run.module

    @property
    def __name__(self) -> str:
        return self.function.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return execute(self, args, kwargs)

    def __repr__(self) -> str:
        return f"<function @{self.function.name}>"


class Word:
    """`morula.grad` and the like, where the program calls them."""

    __slots__ = ("run", "word", "meaning")

    def __init__(self, run: Run, word: str, meaning: Any) -> None:
        self.run, self.word, self.meaning = run, word, meaning

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not args or not callable(args[0]):
            return self.meaning(*args, **kwargs)
        if self.run.derive is None:
            raise TypeError(f"{self.word} needs `derive`")
        return self.run.derive(self.word, args[0], args[1:], kwargs)


class Run:
    """What all functions of one run share."""

    def __init__(self, module: Module, globals: Mapping[str, Any], derive: Derive | None) -> None:
        self.module, self.globals, self.derive = module, globals, derive
        self.found: dict[str, Any] = {}
        self.nested: dict[Op, Function] = {}

    def lookup(self, op: Op) -> Any:
        """What a `global` op stands for."""
        name, fn = op.attrs["name"], op.attrs.get("fn")
        if fn is not None and fn in self.module.functions:
            return GenericFunction(self, self.module.functions[fn], [], ())
        if name not in self.found:
            self.found[name] = self.outside(name)
        return self.found[name]

    def outside(self, name: str) -> Any:
        value = self.globals.get(name, ABSENT)
        if value is ABSENT:
            value = imported(name)
        package, _, word = name.partition(".")
        # in a program of Morula's own, `morula.grad` takes functions of this module
        return Word(self, word, value) if package == "morula" and callable(value) else value

    def function(self, op: Op) -> Function:
        """The function of a `def` op (its free values are its captures) or a `closure` op."""
        if op.opcode == "closure":
            return self.module.functions[op.attrs["fn"]]
        if op not in self.nested:
            body = op.regions[0]
            free, inner = tuple(free_values(body)), Block((), body.ops)
            attrs = {k: v for k, v in op.attrs.items() if k != "fn"}
            name = op.attrs["fn"]
            self.nested[op] = Function(name, free, body.params, None, inner, attrs, op.loc)
        return self.nested[op]


def imported(name: str) -> Any:
    """A builtin, a module, or something in a module, by its full name."""
    if hasattr(builtins, name):
        return getattr(builtins, name)
    parts = name.split(".")
    for k in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:k]))
        except ImportError:
            continue
        for part in parts[k:]:
            value = getattr(value, part)
        return value
    raise NameError(f"name '{name}' is not defined")


# ---- execution ---------------------------------------------------------------------------------


class Region:
    """An `if` or loop that is running: where to go on, and the state of the loop."""

    __slots__ = ("op", "ops", "at", "loop", "iterator", "carries")

    def __init__(self, op: Op, ops: tuple[Op, ...], at: int) -> None:
        self.op, self.ops, self.at = op, ops, at
        self.loop = Loop(op) if op.opcode != "if" else None
        self.iterator: Any = None
        self.carries: list[Any] = []


class Activation:
    """One call that is running: its place, its values, and the regions that it is inside of."""

    __slots__ = ("closure", "ops", "at", "env", "regions", "run")

    def __init__(self, f: GenericFunction, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.closure, self.run = f, f.run
        self.ops, self.at = f.function.body.ops, 0
        self.env = bind(f, args, kwargs)
        self.regions: list[Region] = []

    def get(self, v: Operand) -> Any:
        return v.value if isinstance(v, Literal) else self.env[v]

    def all(self, operands: Sequence[Operand]) -> list[Any]:
        env = self.env
        return [v.value if isinstance(v, Literal) else env[v] for v in operands]

    def assign(self, results: Sequence[Value], values: Sequence[Any]) -> None:
        self.env.update(zip(results, values, strict=True))


def execute(f: GenericFunction, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Run a call to its end; calls between functions of the module stand on one stack."""
    calls = [Activation(f, args, kwargs)]
    limit = sys.getrecursionlimit()
    while True:
        here = calls[-1]
        op = here.ops[here.at]
        here.at += 1
        opcode = op.opcode
        row = GENERIC.get(opcode)
        if row is not None and row.meaning is not None:
            value = row.meaning(*here.all(op.operands))
            if op.results:
                here.env[op.results[0]] = value
        elif opcode == "call":
            callee, positional, keywords = arguments(here, op)
            if isinstance(callee, GenericFunction):
                if len(calls) >= limit:
                    raise RecursionError("maximum recursion depth exceeded")
                calls.append(Activation(callee, positional, keywords))
            else:
                here.env[op.results[0]] = callee(*positional, **keywords)
        elif opcode == "return":
            value = here.get(op.operands[0])
            calls.pop()
            if not calls:
                return value
            caller = calls[-1]
            caller.env[caller.ops[caller.at - 1].results[0]] = value
        elif opcode in STEPS:
            STEPS[opcode](here, op)
        else:
            raise TypeError(f"{opcode} is no opcode of a generic stage")


def arguments(here: Activation, op: Op) -> tuple[Any, list[Any], dict[str, Any]]:
    """Callee, positional and keyword arguments of a call."""
    callee, *values = here.all(op.operands)
    names = op.attrs.get("kw", ())
    split = len(values) - len(names)
    keywords: dict[str, Any] = {}
    for name, value in zip(names, values[split:], strict=True):
        for n, v in dict(value).items() if name == "**" else ((name, value),):
            if n in keywords:
                raise TypeError(f"got multiple values for keyword argument '{n}'")
            keywords[n] = v
    return callee, spread(op, values[:split]), keywords


def spread(op: Op, values: list[Any]) -> list[Any]:
    """Values, those at the places `star` replaced by their elements."""
    star = op.attrs.get("star", ())
    if not star:
        return values
    return [x for k, v in enumerate(values) for x in (v if k in star else (v,))]


# ---- control -----------------------------------------------------------------------------------


def enter(here: Activation, block: Block) -> None:
    here.ops, here.at = block.ops, 0


def leave(here: Activation, values: Sequence[Any]) -> None:
    """End the innermost region; its op's results are these values."""
    region = here.regions.pop()
    here.assign(region.op.results, values)
    here.ops, here.at = region.ops, region.at


def run_if(here: Activation, op: Op) -> None:
    taken = op.regions[0 if here.get(op.operands[0]) else 1]
    here.regions.append(Region(op, here.ops, here.at))
    enter(here, taken)


def run_yield(here: Activation, op: Op) -> None:
    leave(here, here.all(op.operands))


def run_loop(here: Activation, op: Op) -> None:
    region = Region(op, here.ops, here.at)
    assert region.loop is not None
    region.carries = here.all(region.loop.inits)
    if region.loop.is_for:
        region.iterator = iter(here.get(op.operands[0]))
    here.regions.append(region)
    turn(here, region)


def turn(here: Activation, region: Region) -> None:
    """Begin the next turn of a loop: the test of a `while`, the next element of a `for`."""
    loop = region.loop
    assert loop is not None
    if loop.is_for:
        element = next(region.iterator, ABSENT)
        if element is ABSENT:
            exhausted(here, region)
            return
        assert loop.index is not None
        here.env[loop.index] = element
    here.assign(loop.carries, region.carries)
    enter(here, region.op.regions[0])


def run_test(here: Activation, op: Op) -> None:
    region = here.regions[-1]
    if here.get(op.operands[0]):
        enter(here, region.op.regions[1])
    else:
        exhausted(here, region)


def run_next(here: Activation, op: Op) -> None:
    region = here.regions[-1]
    assert region.loop is not None
    values = here.all(op.operands)
    stop = region.loop.stop
    region.carries = values[stop:]
    if stop and values[0]:
        leave(here, [True, *region.carries])
    else:
        turn(here, region)


def exhausted(here: Activation, region: Region) -> None:
    """A loop that ends without having been left."""
    assert region.loop is not None
    leave(here, [False] * region.loop.stop + region.carries)


def run_unreachable(here: Activation, op: Op) -> NoReturn:
    raise AssertionError("control has reached `unreachable`")


# ---- functions, cells, containers --------------------------------------------------------------


def run_closure(here: Activation, op: Op) -> None:
    function = here.run.function(op)
    if op.opcode == "def":
        captures, defaults = here.all(function.captures), here.all(op.operands)
    else:
        captures, defaults = here.all(op.group(0)), here.all(op.group(1))
    here.env[op.results[0]] = GenericFunction(here.run, function, captures, tuple(defaults))


def run_cell_get(here: Activation, op: Op) -> None:
    here.env[op.results[0]] = bound(here.get(op.operands[0]).value, op)


def run_cell_set(here: Activation, op: Op) -> None:
    cell, value = here.all(op.operands)
    cell.value = value


def run_bound(here: Activation, op: Op) -> None:
    here.env[op.results[0]] = bound(here.get(op.operands[0]), op)


def bound(value: Any, op: Op) -> Any:
    if value is UNBOUND:
        name = op.attrs.get("name", "")
        if op.attrs.get("free"):
            raise NameError(
                f"cannot access free variable '{name}' where it is not associated with a value "
                "in enclosing scope"
            )
        raise UnboundLocalError(
            f"cannot access local variable '{name}' where it is not associated with a value"
        )
    return value


def run_unpack(here: Activation, op: Op) -> None:
    values = tuple(here.get(op.operands[0]))
    expected = len(op.results)
    star = op.attrs.get("star")
    if star is not None:
        run_unpack_star(here, op, values, star)
        return
    if len(values) > expected:
        raise ValueError(f"too many values to unpack (expected {expected})")
    if len(values) < expected:
        raise ValueError(f"not enough values to unpack (expected {expected}, got {len(values)})")
    here.assign(op.results, values)


def run_unpack_star(here: Activation, op: Op, values: tuple[Any, ...], star: int) -> None:
    """`a, *b, c = values`."""
    least = len(op.results) - 1
    if len(values) < least:
        text = f"not enough values to unpack (expected at least {least}, got {len(values)})"
        raise ValueError(text)
    after = least - star
    end = len(values) - after
    here.assign(op.results, [*values[:star], list(values[star:end]), *values[end:]])


def made_dict(op: Op, values: list[Any]) -> dict[Any, Any]:
    star: tuple[int, ...] = op.attrs.get("star", ())
    out: dict[Any, Any] = {}
    for k, (key, value) in enumerate(zip(values[::2], values[1::2], strict=True)):
        out.update(value if k in star else {key: value})
    return out


def run_setattr(here: Activation, op: Op) -> None:
    owner, value = here.all(op.operands)
    setattr(owner, op.attrs["name"], value)


def run_raise(here: Activation, op: Op) -> NoReturn:
    raise here.get(op.operands[0])


def giving(make: Callable[[Activation, Op, list[Any]], Any]) -> Callable[[Activation, Op], None]:
    """A step whose one result is made from its operands."""

    def step(here: Activation, op: Op) -> None:
        here.env[op.results[0]] = make(here, op, here.all(op.operands))

    return step


STEPS: dict[str, Callable[[Activation, Op], None]] = {
    "if": run_if,
    "yield": run_yield,
    "while": run_loop,
    "for": run_loop,
    "test": run_test,
    "next": run_next,
    "unreachable": run_unreachable,
    "def": run_closure,
    "closure": run_closure,
    "self": giving(lambda here, op, v: here.closure),
    "cell": giving(lambda here, op, v: Cell(v[0])),
    "cell_get": run_cell_get,
    "cell_set": run_cell_set,
    "bound": run_bound,
    "global": giving(lambda here, op, v: here.run.lookup(op)),
    "tuple": giving(lambda here, op, v: tuple(spread(op, v))),
    "list": giving(lambda here, op, v: spread(op, v)),
    "dict": giving(lambda here, op, v: made_dict(op, v)),
    "append": giving(lambda here, op, v: [*v[0], v[1]]),
    "with_item": giving(lambda here, op, v: {**v[0], v[1]: v[2]}),
    "fstring": giving(lambda here, op, v: op.attrs["text"].format(*v)),
    "slice": giving(lambda here, op, v: slice(*v)),
    "unpack": run_unpack,
    "getattr": giving(lambda here, op, v: getattr(v[0], op.attrs["name"])),
    "setattr": run_setattr,
    "raise": run_raise,
}
