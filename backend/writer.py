"""The text of one native function while it is written.

LLVM text is made by f-strings, several times faster than by an object model.  A `Code` knows the
block that it stands in (a phi needs its name), the words of every value, and the cold blocks at
the function's end.  `rows` is the table of `emit`: opcode and operand type -> code.

    status 0  all went well
    status 1  a check failed; its site stands in ctx.site
    status 2  a Python exception is set (a signal handler raised)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..ir.core import Function, Literal, Loc, Loop, Module, Op, Operand, Value, walk
from ..ir.types import C128, F64, I64, Array
from . import layout
from .aliases import Aliases
from .nesting import Walk, drive
from .output import Message
from .runtime import CTX, FIELDS

if TYPE_CHECKING:
    from .branches import Tail

Regions = Generator[Sequence[Op], None, Sequence[str]]  # yields ops to write, returns the results
Row = Callable[["Code", Op], Sequence[str] | Regions]
LIKELY, UNLIKELY = ", !prof !0", ", !prof !1"
WEIGHTS = ('!{!"branch_weights", i32 2000, i32 1}', '!{!"branch_weights", i32 1, i32 2000}')
FAILED, RAISED = 1, 2


@dataclass(frozen=True)
class CheckSite:
    """What a failed check raises, and where."""

    error: str
    text: str
    loc: Loc
    function: str
    values: int = 0  # how many numbers go into the text


@dataclass
class Sites:
    """All check sites of a module, each once; a site's id is its place in the list."""

    ids: dict[CheckSite, int] = field(default_factory=dict)
    takers: dict[str, object] = field(default_factory=dict)  # what `print` and messages go to
    metadata: list[str] = field(default_factory=lambda: [*WEIGHTS])

    def id(self, site: CheckSite) -> int:
        return self.ids.setdefault(site, len(self.ids))


FOREVER = 2**63 - 1


def sizes(f: Function) -> dict[Op, int]:
    """How many iterations the loops in each op with regions do at most, its own included.

    FOREVER where that is not known; a call may hold any loop.
    """
    found: dict[Op, int] = {}
    nested = [op for op in walk(f.body) if op.regions]
    for op in reversed(nested):  # what is inside comes first
        inside = size_of([o for r in op.regions for o in r.ops], found)
        if op.opcode == "while":
            inside = FOREVER
        elif op.opcode == "for":
            bounds = [v.value for v in Loop(op).bounds if isinstance(v, Literal)]
            trips = length(*bounds) if len(bounds) == 3 and bounds[2] else FOREVER
            inside = min(FOREVER, trips * max(1, inside))
        found[op] = inside
    return found


def length(lo: int, hi: int, step: int) -> int:
    """len(range(lo, hi, step)), however large."""
    r = range(lo, hi, step)
    return (r[-1] - lo) // step + 1 if r else 0


def size_of(ops: Sequence[Op], known: Mapping[Op, int]) -> int:
    """The iterations of all loops in some ops."""
    if any(op.opcode == "call" for op in ops):
        return FOREVER
    return min(FOREVER, sum(known[op] for op in ops if op.regions))


class Code:
    """The text of one function."""

    def __init__(
        self,
        module: Module,
        function: Function,
        rows: Mapping[str, Row],
        sites: Sites,
        used: set[str],
        recursive: set[str],
    ) -> None:
        self.module, self.function, self.rows, self.sites, self.used = (
            module,
            function,
            rows,
            sites,
            used,
        )
        self.lines: list[str] = []
        self.cold: list[str] = []
        self.label = "entry"
        self.words: dict[Value, tuple[str, ...]] = {}
        self.failures: dict[CheckSite, str] = {}
        self.count = 0
        self.sizes = sizes(function)
        self.aliases = Aliases(function, sites.metadata)
        # for `branches`: the ops being written, which one, and how many after it have been, too
        self.block_ops: Sequence[Op] = ()
        self.position = self.skip = 0
        self.tails: dict[Op, Tail] = {}
        self.recursive = recursive
        self.charged: set[int] = set()
        self.result_type = layout.result_type(function.results or ())

    # ---- names and lines

    def fresh(self, stem: str = "v") -> str:
        """A name without its sigil, new in this function."""
        self.count += 1
        return f"{stem}{self.count}"

    def new(self, text: str) -> str:
        """Append an instruction that has a result; give the result."""
        self.count += 1
        self.lines.append(f"  %v{self.count} = {text}")
        return f"%v{self.count}"

    def do(self, text: str) -> None:
        self.lines.append("  " + text)

    def start(self, label: str) -> None:
        """Open a block."""
        self.lines.append(label + ":")
        self.label = label

    def jump(self, label: str) -> None:
        self.do(f"br label %{label}")

    def branch(self, condition: str, yes: str, no: str, weights: str = "") -> None:
        self.do(f"br i1 {condition}, label %{yes}, label %{no}{weights}")

    def phi(self, type: str, edges: Sequence[tuple[str, str]]) -> str:
        """A phi of (value, label) edges; none where all agree."""
        values = {v for v, _ in edges}
        if len(values) == 1:
            return values.pop()
        return self.new(f"phi {type} " + ", ".join(f"[ {v}, %{b} ]" for v, b in edges))

    # ---- operands

    def of(self, v: Operand) -> tuple[str, ...]:
        """The words of an operand."""
        return layout.constants(v) if isinstance(v, Literal) else self.words[v]

    def typed(self, values: Sequence[Operand]) -> list[str]:
        """Words with their types, as a call wants them."""
        return [
            f"{t} {w}"
            for v in values
            for t, w in zip(layout.words(v.type), self.of(v), strict=True)
        ]

    def bind(self, values: Sequence[Value], words: Sequence[str]) -> None:
        """Give each value its share of a row of words."""
        k = 0
        for v in values:
            n = len(layout.words(v.type))
            self.words[v] = tuple(words[k : k + n])
            k += n
        assert k == len(words), (values, words)

    # ---- the context

    def context(self, name: str) -> str:
        """The address of a field of ctx."""
        return self.new(f"getelementptr inbounds {CTX}, ptr %ctx, i32 0, i32 {FIELDS[name]}")

    # ---- failure

    def fail_unless(self, ok: str, error: str, text: str, loc: Loc) -> None:
        """Go on where `ok` holds, else leave the function with the site of this check."""
        cont = self.fresh("ok")
        self.branch(ok, cont, self.failure(error, text, loc), LIKELY)
        self.start(cont)

    def fail_saying(self, op: Op) -> None:
        """As `fail_unless`, with numbers in the text, which Python puts there."""
        ok, *shown = op.operands
        where = op.loc or self.function.loc
        site = CheckSite(op.attrs["error"], op.attrs["text"], where, self.function.name, len(shown))
        cont, bad = self.fresh("ok"), self.fresh("fail")
        self.branch(self.of(ok)[0], cont, bad, LIKELY)
        self.start(bad)
        self.hand_over(shown, Message(op.attrs["text"]))
        self.do(f"store i64 {self.sites.id(site)}, ptr {self.context('site')}")
        self.do(f"ret {self.result_type} {self.status(FAILED)}")
        self.start(cont)

    def hand_over(self, values: Sequence[Operand], taker: object) -> None:
        """Call a Python object with numbers; leave where it raises."""
        name = f"taker.{len(self.sites.takers)}"
        self.sites.takers[name] = taker
        made = list[str]()
        for v in values:
            word, *rest = self.of(v)
            if v.type == C128:
                parts = f"double {word}, double {rest[0]}"
                made.append(self.new(f"call ptr @PyComplex_FromDoubles({parts})"))
            elif v.type == F64:
                made.append(self.new(f"call ptr @PyFloat_FromDouble(double {word})"))
            else:
                wide = word if v.type == I64 else self.new(f"zext i1 {word} to i64")
                boxing = "PyLong_FromLongLong" if v.type == I64 else "PyBool_FromLong"
                made.append(self.new(f"call ptr @{boxing}(i64 {wide})"))
        args = ", ".join([f'ptr @"{name}"', *(f"ptr {m}" for m in made), "ptr null"])
        answer = self.new(f"call ptr (ptr, ...) @PyObject_CallFunctionObjArgs({args})")
        for m in made:
            self.do(f"call void @Py_DecRef(ptr {m})")
        good = self.new(f"icmp ne ptr {answer}, null")
        cont, bad = self.fresh("done"), self.fresh("raised")
        self.branch(good, cont, bad, LIKELY)
        self.cold += [f"{bad}:", f"  ret {self.result_type} {self.status(RAISED)}"]
        self.start(cont)
        self.do(f"call void @Py_DecRef(ptr {answer})")

    def fail_if(self, bad: str, error: str, text: str, loc: Loc) -> None:
        cont = self.fresh("ok")
        self.branch(bad, self.failure(error, text, loc), cont, UNLIKELY)
        self.start(cont)

    def failure(self, error: str, text: str, loc: Loc) -> str:
        """The cold block of a check."""
        site = CheckSite(error, text, loc or self.function.loc, self.function.name)
        if site not in self.failures:
            label = self.failures[site] = self.fresh("fail")
            field = f"{CTX}, ptr %ctx, i32 0, i32 {FIELDS['site']}"
            self.cold += [
                f"{label}:",
                f"  %{label}.site = getelementptr inbounds {field}",
                f"  store i64 {self.sites.id(site)}, ptr %{label}.site",
                f"  ret {self.result_type} {self.status(FAILED)}",
            ]
        return self.failures[site]

    def status(self, n: int) -> str:
        """A result that holds only a status."""
        kids = [f"i32 {n}"]
        kids += [f"{t} zeroinitializer" for t in layout.all_words(self.function.results or ())]
        return "{ " + ", ".join(kids) + " }"

    def propagate(self, status: str) -> None:
        """Leave with a callee's status unless it is 0."""
        good, cont, bad = self.new(f"icmp eq i32 {status}, 0"), self.fresh("ok"), self.fresh("bad")
        self.branch(good, cont, bad, LIKELY)
        self.cold += [
            f"{bad}:",
            f"  %{bad}.r = insertvalue {self.result_type} {self.status(0)}, i32 {status}, 0",
            f"  ret {self.result_type} %{bad}.r",
        ]
        self.start(cont)

    # ---- ops

    def ops(self, ops: Sequence[Op]) -> None:
        drive(self.block(ops))

    def block(self, ops: Sequence[Op]) -> Walk:
        """Each op by its row: `opcode type-of-its-first-operand`, or `opcode`.

        The row of an op with regions is a generator: it yields the ops of each region in turn.
        """
        k = 0
        while k < len(ops):
            op = ops[k]
            self.block_ops, self.position, self.skip = ops, k, 0
            made = self.row(op)(self, op)
            if isinstance(made, Generator):
                yield self.nested(op, made)
            else:
                self.bind(op.results, made)
            k += 1 + self.skip
            self.skip = 0

    def nested(self, op: Op, made: Regions) -> Walk:
        while True:
            try:
                ops = next(made)
            except StopIteration as end:
                self.bind(op.results, end.value)
                return
            yield self.block(ops)

    def row(self, op: Op) -> Row:
        row = self.rows.get(op.opcode)
        if row is None:
            t = op.operands[0].type if op.operands else None
            kind = f"{t.elem}[]" if isinstance(t, Array) else t
            row = self.rows.get(f"{op.opcode} {kind}")
            if row is None:
                raise NotImplementedError(f"no native code for {op.opcode} of {t}")
        return row
