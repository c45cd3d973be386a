"""The command line: `morula dump`, `run`, `opt`, `stages`, `explain`."""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import os
import re
import sys
import textwrap
import traceback
from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from . import report
from .frontend.errors import Error
from .ir.core import Module, Site
from .ir.structure import Leaf, Tree, Tuple
from .ir.types import BOOL, DTYPES, F64, I64, Array
from .pipeline import NAMES, STAGES

if TYPE_CHECKING:
    from .lowered import Lowered

TYPES: dict[str, Tree] = {
    "f64": Leaf(F64),
    "float": Leaf(F64),
    "i64": Leaf(I64),
    "int": Leaf(I64),
    "bool": Leaf(BOOL),
}
ELEMENTS = {str(elem): elem for elem in DTYPES}
ARRAY = re.compile(r"(\w+)\[(\d+)(,strided)?\]")


class Usage(Exception):
    """What the user asked for cannot be done; printed without a traceback."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0, 1 for an error of the program, 2 for one of usage."""
    options = parser().parse_args(argv)
    try:
        options.command(options)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (Usage, OSError) as error:
        print(f"morula: {error}", file=sys.stderr)
        return 2
    except Error as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="morula", description="See what Morula makes of a Python function, stage by stage."
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    p = commands.add_parser("dump", help="print stages of a function of a Python file")
    p.add_argument("target", metavar="FILE:FUNC", help="with --copies, also FILE alone")
    p.add_argument(
        "--args", default="", help='types of the arguments: "f64, i64, f64[1], (f64, f64)"'
    )
    p.add_argument("--stage", default="opt", help=f"{', '.join(NAMES)} or all; several by commas")
    p.add_argument(
        "--grad", metavar="ARG", help="of the gradient by this argument, a name or number"
    )
    p.add_argument("--order", type=int, default=1, help="how often the gradient is taken")
    p.add_argument(
        "--copies",
        action="store_true",
        help="instead of stages, the lines that copy an array, and why; without :FUNC of all "
        "functions of the file that take as many arguments",
    )
    p.add_argument("--time", action="store_true", help="how long each stage took, on stderr")
    p.set_defaults(command=dump)
    p = commands.add_parser("run", help="run a function of a text file in the interpreter")
    p.add_argument("file", metavar="FILE.mir")
    p.add_argument("function", metavar="@f")
    p.add_argument(
        "values", nargs=argparse.REMAINDER, metavar="VALUE", help="1.0  2  true  [1.0,2.0]"
    )
    p.set_defaults(command=run)
    p = commands.add_parser("opt", help="run passes over a text file and print the result")
    p.add_argument("file", metavar="FILE.mir")
    p.add_argument("--passes", default="clean", help=f"by commas, in order: {', '.join(PASSES)}")
    p.set_defaults(command=opt)
    p = commands.add_parser("stages", help="the stages, in order, and what each holds")
    p.set_defaults(command=stages)
    p = commands.add_parser("explain", help="what an error means, with an example and its cure")
    p.add_argument("code", nargs="?", metavar="E07", help="without it, all codes")
    p.set_defaults(command=explain)
    return top


# ---- dump


def dump(options: argparse.Namespace) -> None:
    wanted = stages_of(options.stage)
    if options.order != 1 and options.grad is None:
        raise Usage("--order says how often --grad is taken: name an argument with --grad")
    if options.order < 1:
        raise Usage("--order is at least 1")
    if options.copies:
        dump_copies(options)
        return
    lowered = lowered_of(function_of(options.target), options)
    for name in wanted:
        text = lowered.text(name)
        if len(wanted) > 1:
            report.show(report.head(name), name)
        report.show(text, name)
    if options.time:
        report.times(lowered.times, sys.stderr)


def lowered_of(f: Any, options: argparse.Namespace) -> Lowered:
    """The function for --args, or the gradient of it that --grad and --order name."""
    from . import api
    from .lowered import Lowered

    for _ in range(options.order if options.grad is not None else 0):
        f = api.grad(f, argnums=arguments(options.grad))
    return Lowered(api.front(f).compilation(tuple(trees(options.args))), ())


def dump_copies(options: argparse.Namespace) -> None:
    from .copies import copies, shown

    words = ".grad" * (options.order if options.grad is not None else 0)
    for f in functions_of(options):
        found = copies(lowered_of(f, options).module("memory"))
        print(shown(f.__name__ + words, found), end="")


def functions_of(options: argparse.Namespace) -> list[Any]:
    """The function of FILE:FUNC, or those of FILE that --args suit in number."""
    if not options.target.endswith(".py"):
        return [function_of(options.target)]
    module, n = module_of(options.target), len(trees(options.args))
    found = [
        f
        for f in vars(module).values()
        if isinstance(f, FunctionType) and f.__module__ == module.__name__
    ]
    taking = [f for f in found if len(inspect.signature(f).parameters) == n]
    if not taking:
        raise Usage(f"{options.target} has no function of {n} arguments: say which in --args")
    return taking


def stages_of(text: str) -> list[str]:
    """The stages that an option names, by commas; `all` is all of them."""
    names = [n.strip() for n in text.split(",") if n.strip()]
    wanted = list(NAMES) if names == ["all"] else names
    for name in wanted or [text]:
        if name not in NAMES:
            raise Usage(f"no stage {name!r}: the stages are {', '.join(NAMES)}, all")
    return wanted


def function_of(target: str) -> Any:
    """The function that FILE:FUNC names."""
    path, _, name = target.rpartition(":")
    if not path or not name:
        raise Usage(f"FILE:FUNC is expected, such as model.py:loss, not {target!r}")
    found: Any = module_of(path)
    for part in name.split("."):
        if not hasattr(found, part):
            raise Usage(f"{path} has no {name}")
        found = getattr(found, part)
    if not isinstance(found, FunctionType) and not hasattr(found, "__morula__"):
        raise Usage(f"{name} of {path} is no Python function")
    return found


def module_of(path: str) -> ModuleType:
    """The module of a Python file, imported as a program in its folder would."""
    if not os.path.isfile(path):
        raise Usage(f"no file {path}")
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, os.path.abspath(path))
    if spec is None or spec.loader is None:
        raise Usage(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise Usage(f"{error.filename}:{error.lineno}: SyntaxError: {error.msg}") from None
    except (Exception, SystemExit) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        kind = type(error).__name__
        raise Usage(f"{last.filename}:{last.lineno}: {kind}: {error}, on import") from None
    return module


def arguments(text: str) -> int | str | tuple[int | str, ...]:
    """argnums as users write them: a name or a number, or several by commas."""
    found = [int(p) if p.lstrip("-").isdigit() else p for p in map(str.strip, text.split(","))]
    return tuple(found) if len(found) > 1 else found[0]


def trees(text: str) -> list[Tree]:
    """Structures of arguments from types as users write them: `f64, (i64, f64[1])`."""
    made: list[Tree] = []
    for part in parts(text):
        if part.startswith("(") and part.endswith(")"):
            made.append(Tuple(tuple(trees(part[1:-1]))))
        elif part in TYPES:
            made.append(TYPES[part])
        elif (m := ARRAY.fullmatch(part.replace(" ", ""))) and m[1] in ELEMENTS:
            made.append(Leaf(Array(ELEMENTS[m[1]], int(m[2]), strided=m[3] is not None)))
        else:
            known = f"{', '.join(TYPES)}, f64[1], f32[2, strided], or a tuple (f64, i64)"
            raise Usage(f"no type {part!r}: write {known}")
    return made


def parts(text: str) -> list[str]:
    """Split at the commas that stand outside brackets."""
    out, depth, start = [], 0, 0
    for k, c in enumerate(text + ","):
        depth += (c in "([") - (c in ")]")
        if depth < 0 or (k == len(text) and depth):
            raise Usage(f"brackets do not match in {text!r}")
        if c == "," and depth == 0:
            out.append(text[start:k].strip())
            start = k + 1
    if out[-1] == "":  # nothing at all, or a comma at the end
        out.pop()
    return out


# ---- run and opt


def parsed(path: str) -> Module:
    """The module of a text file, verified; what is wrong with it is E12 at its place."""
    from .ir.parser import TextError, parse
    from .ir.verifier import VerifyError, verify

    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except UnicodeDecodeError:
        raise Usage(f"{path} is no text: it is not UTF-8") from None
    try:
        module = parse(text)
        verify(module)
    except TextError as error:
        site = Site(path, error.line, error.col)
        raise Error("E12", site, error.text, "the text does not parse", "mend it") from None
    except VerifyError as error:
        raise Error(
            "E12", None, f"{path}: {error}", "it breaks a law of the IR", "mend it"
        ) from None
    if not module.functions:
        raise Usage(f"{path} has no function")
    return module


def run(options: argparse.Namespace) -> None:
    module = parsed(options.file)
    name = options.function.removeprefix("@")
    if name not in module.functions:
        have = ", ".join("@" + n for n in module.functions)
        raise Usage(f"no @{name} in {options.file}: it has {have}")
    f = module.functions[name]
    given = [value(v) for v in options.values]
    if len(given) != len(f.inputs):
        wanted = ", ".join(
            f"{v.name}: {v.type}" if f.results is not None else v.name for v in f.inputs
        )
        raise Usage(f"@{name} takes ({wanted}), captures first; {len(given)} values are given")
    n = len(f.captures)
    try:
        result = interpreted(module, name, given[n:], given[:n])
    except (Error, MemoryError):
        raise
    except TypeError as error:
        raise Usage(f"@{name}: {error}") from None
    except Exception as error:
        site = next(iter(getattr(error, "loc", ())), None)
        where = f"{site.file}:{site.line}: " if site else ""
        print(f"{where}{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
    for leaf in result if isinstance(result, tuple) else (result,):
        print(leaf.tolist() if hasattr(leaf, "tolist") else leaf)


def interpreted(module: Module, name: str, args: list[Any], captures: list[Any]) -> Any:
    """Run a function of any stage; derivatives are expanded where they are met."""
    from . import ir
    from .frontend.lower import Lowered
    from .resume import Resume

    resume = Resume(Lowered(module, lambda: None))  # type: ignore[arg-type]
    generic = module.functions[name].results is None
    derive: Any = resume.derive_generic if generic else resume.derive
    return ir.run(module, name, *args, derive=derive, captures=captures)


def value(text: str) -> Any:
    """An argument: 1.0 2 true [1.0,2.0]."""
    import numpy as np

    words = {"true": True, "false": False, "none": None}
    if text in words:
        return words[text]
    try:
        if text.startswith("[") and text.endswith("]"):
            return np.array([float(x) for x in text[1:-1].split(",") if x.strip()])
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise Usage(f"no value {text!r}: write 1.0, 2, true or [1.0,2.0]") from None


def opt(options: argparse.Namespace) -> None:
    from .frontend.depth import deep

    names = [n.strip() for n in options.passes.split(",")]
    for name in names:
        if name not in PASSES:
            raise Usage(f"no pass {name!r}: the passes are {', '.join(PASSES)}")
    module = parsed(options.file)
    for f in module.functions.values():
        if f.results is None:
            raise Usage(f"passes take typed IR; @{f.name} is generic, of stage ssa or closed")
    with deep():
        for name in names:
            module = PASSES[name]()(module)
        report.show(str(module), "opt")


def transform(name: str) -> Callable[[], Callable[[Module], Module]]:
    """A pass by its file's name, imported when it is asked for."""

    def load() -> Callable[[Module], Module]:
        module = importlib.import_module(f".transforms.{name}", __package__)
        found: Callable[[Module], Module] = getattr(module, name)
        return found

    return load


def placement() -> Callable[[Module], Module]:
    from .backend.bufferize import bufferize

    return bufferize


PASSES: dict[str, Callable[[], Callable[[Module], Module]]] = {
    name: transform(name)
    for name in (
        "inline",
        "sink",
        "simplify",
        "cse",
        "licm",
        "lift",
        "dce",
        "clean",
        "expand",
        "strict",
        "loose",
    )
} | {"bufferize": placement}


def stages(options: argparse.Namespace) -> None:
    report.table("stage  holds", [(s.name, s.why) for s in STAGES])


# ---- explain


def explain(options: argparse.Namespace) -> None:
    from .frontend.errors import PAGES, TITLES

    if options.code is None:
        report.table("code  title", list(TITLES.items()))
        return
    code = options.code.upper()
    if code not in PAGES:
        raise Usage(f"no error {options.code!r}: the codes are {min(PAGES)} to {max(PAGES)}")
    page = PAGES[code]
    print(f"{code}: {TITLES[code]}", wrapped(page.means), indented(page.example), sep="\n\n")
    print("", wrapped(page.cure), indented(page.cured), sep="\n\n")


def wrapped(text: str) -> str:
    return textwrap.fill(text, 88)


def indented(text: str) -> str:
    return textwrap.indent(text.rstrip("\n"), "    ")


if __name__ == "__main__":
    sys.exit(main())
