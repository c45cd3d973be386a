"""Native code of arrays and boxes: rows that touch memory.

A value's place has been settled by `bufferize`: what is written in place has the words of the
array that it takes over, all else is new memory of the arena.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir.core import Op, Operand, Value
from ..ir.types import BOOL, C128, DTYPES, F32, NARROW, Array, List, Scalar, Type, element_type
from . import layout
from .mathematics import fast
from .writer import Code, Row

MEMORY_TEXT = "out of memory"


def allocate(c: Code, n: str, size: int, op: Op) -> str:
    """n elements of the arena; MemoryError where there is no room."""
    p = c.new(f"call ptr @morula.alloc(ptr %ctx, i64 {n}, i64 {size})")
    none = c.new(f"icmp eq ptr {p}, null")
    c.fail_if(none, "MemoryError", MEMORY_TEXT, op.loc)
    return p


def address(c: Code, array: Operand, *index: str) -> str:
    """Where an element stands: in C order, or by strides."""
    t = array.type
    data, *rest = c.of(array)
    if isinstance(t, Array) and t.strided:
        strides = rest[t.rank :]
        parts = [c.new(f"mul nsw i64 {k}, {n}") for k, n in zip(index, strides, strict=True)]
        at = parts[0]
        for part in parts[1:]:
            at = c.new(f"add nsw i64 {at}, {part}")
    else:
        at = index[0] if index else "0"
        for k, n in zip(index[1:], rest[1:], strict=False):
            at = c.new(f"add nsw i64 {c.new(f'mul nsw i64 {at}, {n}')}, {k}")
    return c.new(f"getelementptr inbounds {layout.element(t)}, ptr {data}, i64 {at}")


def size(c: Code, array: Operand) -> str:
    """How many elements an array has."""
    t = array.type
    assert isinstance(t, Array)
    if t.rank == 0:  # one, or none where there is no array
        return c.new(f"zext i1 {c.new(f'icmp ne ptr {c.of(array)[0]}, null')} to i64")
    return product(c, c.of(array)[1 : 1 + t.rank])


def product(c: Code, lengths: Sequence[str]) -> str:
    n = lengths[0] if lengths else "1"
    for m in lengths[1:]:
        n = c.new(f"mul i64 {n}, {m}")
    return n


def load(c: Code, array: Operand, *index: str) -> tuple[str, ...]:
    """The words of an element."""
    return load_at(c, array, address(c, array, *index))


def load_at(c: Code, array: Operand, at: str) -> tuple[str, ...]:
    kind, note = layout.element(array.type), c.aliases.of(array)
    if elem_of(array.type) == C128:
        parts = at, c.new(f"getelementptr inbounds double, ptr {at}, i64 1")
        return tuple([c.new(f"load double, ptr {p}{note}") for p in parts])
    return (widened(c, elem_of(array.type), c.new(f"load {kind}, ptr {at}{note}")),)


def store_at(c: Code, array: Operand, at: str, words: Sequence[str]) -> None:
    kind, note = layout.element(array.type), c.aliases.of(array)
    if elem_of(array.type) == C128:
        parts = at, c.new(f"getelementptr inbounds double, ptr {at}, i64 1")
        for p, word in zip(parts, words, strict=True):
            c.do(f"store double {word}, ptr {p}{note}")
    else:
        c.do(f"store {kind} {narrowed(c, elem_of(array.type), words[0])}, ptr {at}{note}")


def store(c: Code, array: Value, data: str, index: str, words: Sequence[str]) -> None:
    """Write an element of a contiguous array, which stands at `data`."""
    kind = layout.element(array.type)
    at = c.new(f"getelementptr inbounds {kind}, ptr {data}, i64 {index}")
    store_at(c, array, at, words)


def elem_of(t: Type) -> Scalar:
    assert isinstance(t, Array)
    return t.elem


def widened(c: Code, elem: Scalar, value: str) -> str:
    """The word of an element as it stands in memory."""
    if elem == BOOL:
        return c.new(f"icmp ne i8 {value}, 0")
    if elem == F32:
        return c.new(f"fpext float {value} to double")
    if elem in NARROW:
        how = "sext" if DTYPES[elem].kind == "i" else "zext"
        return c.new(f"{how} {layout.MEMORY[elem.name]} {value} to i64")
    return value


def narrowed(c: Code, elem: Scalar, value: str) -> str:
    """A word as an element stands in memory: a float is rounded, an int wraps."""
    if elem == BOOL:
        return c.new(f"zext i1 {value} to i8")
    if elem == F32:
        return c.new(f"fptrunc double {value} to float")
    if elem in NARROW:
        return c.new(f"trunc i64 {value} to {layout.MEMORY[elem.name]}")
    return value


def fit(c: Code, op: Op) -> list[str]:
    """A number as an element of that type would hold it."""
    to = op.attrs["to"]
    return [widened(c, to, narrowed(c, to, c.of(op.operands[0])[0]))]


def read(c: Code, history: Operand, index: str) -> tuple[str, ...]:
    """The words of an element of a history: of an array, or of a list."""
    if not isinstance(history.type, List):
        return load(c, history, index)
    kinds = layout.words(element_type(history.type))
    at = c.new(f"mul nsw i64 {index}, {len(kinds)}")
    start = c.new(f"getelementptr inbounds i64, ptr {c.of(history)[0]}, i64 {at}")
    note = c.aliases.of(history)
    return tuple(c.new(f"load {t}, ptr {slot(c, start, k)}{note}") for k, t in enumerate(kinds))


def write(c: Code, history: Value, data: str, index: str, words: Sequence[str]) -> None:
    """Write an element of a history, which stands at `data`."""
    if not isinstance(history.type, List):
        store(c, history, data, index, words)
        return
    kinds, note = layout.words(element_type(history.type)), c.aliases.of(history)
    at = c.new(f"mul nsw i64 {index}, {len(kinds)}")
    start = c.new(f"getelementptr inbounds i64, ptr {data}, i64 {at}")
    for k, (t, word) in enumerate(zip(kinds, words, strict=False)):
        c.do(f"store {t} {word}, ptr {slot(c, start, k)}{note}")


def owned(op: Op) -> None:
    """Only what `bufferize` has placed may be written."""
    if op.results[0].place is not op.operands[0]:
        raise ValueError(f"{op.opcode} is not placed: native code is made of stage memory")


def get(c: Code, op: Op) -> tuple[str, ...]:
    array, *index = op.operands
    return load(c, array, *[c.of(k)[0] for k in index])


def put(c: Code, op: Op) -> tuple[str, ...]:
    owned(op)
    array, *index, value = op.operands
    at = address(c, array, *[c.of(k)[0] for k in index])
    store_at(c, array, at, c.of(value))
    return c.of(array)


def adding(op: Op) -> str:
    """The instruction that adds elements of an array; integer arrays wrap, as NumPy's."""
    kind = layout.words(elem_of(op.operands[0].type))[0]
    return {"double": "fadd" + fast(op), "i64": "add"}[kind]


def add_at(c: Code, op: Op) -> tuple[str, ...]:
    owned(op)
    array, *index, value = op.operands
    kind = layout.words(elem_of(array.type))[0]
    at = address(c, array, *[c.of(k)[0] for k in index])
    pairs = zip(load_at(c, array, at), c.of(value), strict=True)
    store_at(c, array, at, [c.new(f"{adding(op)} {kind} {x}, {y}") for x, y in pairs])
    return c.of(array)


def length(c: Code, op: Op) -> list[str]:
    return [c.of(op.operands[0])[1 + op.attrs.get("axis", 0)]]


def zeros(c: Code, op: Op) -> list[str]:
    """`zeros n, ...`, or `zeros_like x`."""
    t = op.results[0].type
    if op.opcode == "zeros":
        lengths = [c.of(n)[0] for n in op.operands]
        n = checked_product(c, lengths, op)
    else:
        lengths = list(c.of(op.operands[0])[1 : 1 + (t.rank if isinstance(t, Array) else 1)])
        n = product(c, lengths)
    size = layout.element_size(t)
    p = allocate(c, n, size, op)
    count = c.new(f"mul i64 {n}, {size}")
    c.do(f"call void @llvm.memset.p0.i64(ptr align 64 {p}, i8 0, i64 {count}, i1 false)")
    return [p, *lengths]


def checked_product(c: Code, lengths: Sequence[str], op: Op) -> str:
    """The product of lengths; MemoryError where it is too large for any memory."""
    n = lengths[0] if lengths else "1"
    for m in lengths[1:]:
        pair = c.new(f"call {{ i64, i1 }} @llvm.smul.with.overflow.i64(i64 {n}, i64 {m})")
        n = c.new(f"extractvalue {{ i64, i1 }} {pair}, 0")
        over = c.new(f"extractvalue {{ i64, i1 }} {pair}, 1")
        c.fail_if(over, "MemoryError", MEMORY_TEXT, op.loc)
    return n


def over(c: Code, n: str, body: Callable[[str], None]) -> None:
    """A loop over n elements; `body` writes the code of one, given its index, in one block."""
    before, head, inside, after = c.label, c.fresh("head"), c.fresh("body"), c.fresh("after")
    k, following = "%" + c.fresh("k"), "%" + c.fresh("k")
    c.jump(head)
    c.start(head)
    c.do(f"{k} = phi i64 [ 0, %{before} ], [ {following}, %{inside} ]")
    c.branch(c.new(f"icmp slt i64 {k}, {n}"), inside, after)
    c.start(inside)
    body(k)
    c.do(f"{following} = add nuw nsw i64 {k}, 1")
    c.jump(head)
    c.start(after)


def places(c: Code, lengths: Sequence[str], flat: str) -> list[str]:
    """The indices of element `flat` in C order."""
    out: list[str] = []
    for n in reversed(lengths[1:]):
        out.append(c.new(f"urem i64 {flat}, {n}"))
        flat = c.new(f"udiv i64 {flat}, {n}")
    return [flat, *reversed(out)]


def copy(c: Code, op: Op) -> list[str]:
    source, type = op.operands[0], op.results[0].type
    assert isinstance(source.type, Array)
    data, *rest = c.of(source)
    lengths, kind = rest[: source.type.rank], layout.element(type)
    n, bytes_each = size(c, source), layout.element_size(type)
    p = allocate(c, n, bytes_each, op)
    if not source.type.strided:
        count = c.new(f"mul i64 {n}, {bytes_each}")
        c.do(
            f"call void @llvm.memcpy.p0.p0.i64(ptr align 64 {p}, ptr {data}, i64 {count}, i1 false)"
        )
        return [p, *lengths]

    def element(k: str) -> None:
        value = c.new(f"load {kind}, ptr {address(c, source, *places(c, lengths, k))}")
        c.do(
            f"store {kind} {value}, ptr {c.new(f'getelementptr inbounds {kind}, ptr {p}, i64 {k}')}"
        )

    over(c, n, element)
    return [p, *lengths]


def accum(c: Code, op: Op) -> tuple[str, ...]:
    """Add the second array to the first; null, without elements, adds nothing."""
    owned(op)
    into, other = op.operands
    data, room, n = c.of(into)[0], size(c, into), size(c, other)
    c.fail_unless(
        fitting(c, into, other, room, n), "SystemError", "cotangents of two shapes", op.loc
    )
    kind, plus = layout.words(elem_of(into.type))[0], adding(op)
    start = c.of(other)[0]
    if elem_of(into.type) == C128:
        n = c.new(f"shl i64 {n}, 1")

    def element(k: str) -> None:
        at, y_at = (
            c.new(f"getelementptr inbounds {kind}, ptr {p}, i64 {k}") for p in (data, start)
        )
        x, y = c.new(f"load {kind}, ptr {at}"), c.new(f"load {kind}, ptr {y_at}")
        c.do(f"store {kind} {c.new(f'{plus} {kind} {x}, {y}')}, ptr {at}")

    over(c, n, element)
    return c.of(into)


def gemm(c: Code, op: Op) -> tuple[str, ...]:
    """c + a b by `@morula.gemm`: a vector is one column, or, as the second of two, one row."""
    owned(op)
    into, a, b = op.operands
    flipped = op.attrs.get("transposed", "")
    (data, m, *rest), left, right = c.of(into), c.of(a), c.of(b)
    n = rest[0] if rest else "1"
    k = "1" if len(left) == 2 else left[1 if "a" in flipped else 2]
    c.used.add("gemm")
    flags = ", ".join(f"i1 {'true' if of in flipped else 'false'}" for of in "ab")
    arrays = f"ptr {data}, ptr {left[0]}, ptr {right[0]}"
    c.do(f"call void @morula.gemm({arrays}, i64 {m}, i64 {n}, i64 {k}, {flags})")
    return c.of(into)


def fitting(c: Code, into: Operand, other: Operand, room: str, n: str) -> str:
    """Whether an array of n elements can be added: it has none, or the lengths are the same."""
    assert isinstance(into.type, Array)
    if into.type.rank <= 1:
        return c.new(f"icmp sle i64 {n}, {room}")
    fits = c.new(f"icmp eq i64 {n}, 0")
    axes = slice(1, 1 + into.type.rank)
    same = [
        c.new(f"icmp eq i64 {x}, {y}")
        for x, y in zip(c.of(into)[axes], c.of(other)[axes], strict=True)
    ]
    every = same[0]
    for one in same[1:]:
        every = c.new(f"and i1 {every}, {one}")
    return c.new(f"or i1 {fits}, {every}")


# ---- boxes -------------------------------------------------------------------------------------


def slot(c: Code, box: str, k: int) -> str:
    return c.new(f"getelementptr inbounds i64, ptr {box}, i64 {k}")


def box(c: Code, op: Op) -> list[str]:
    typed = c.typed(op.operands)
    p = allocate(c, str(len(typed)), layout.SLOT, op)
    for k, word in enumerate(typed):
        if word.startswith("i1 "):
            word = "i64 " + c.new(f"zext {word} to i64")
        c.do(f"store {word}, ptr {slot(c, p, k)}")
    return [p]


def unbox(c: Code, op: Op) -> list[str]:
    (p,) = c.of(op.operands[0])
    return read_box(c, p, [v.type for v in op.results])


def read_box(c: Code, p: str, types: list[Type]) -> list[str]:
    found = []
    for k, t in enumerate(layout.all_words(types)):
        if t == "i1":
            found.append(c.new(f"icmp ne i64 {c.new(f'load i64, ptr {slot(c, p, k)}')}, 0"))
        else:
            found.append(c.new(f"load {t}, ptr {slot(c, p, k)}"))
    return found


def null(c: Code, op: Op) -> list[str]:
    """No box, or no array: its length is 0."""
    return ["null" if t == "ptr" else "0" for t in layout.words(op.results[0].type)]


def is_null(c: Code, op: Op) -> list[str]:
    return [c.new(f"icmp eq ptr {c.of(op.operands[0])[0]}, null")]


def mark(c: Code, op: Op) -> list[str]:
    return [c.new(f"load ptr, ptr {c.context(n)}") for n in ("cursor", "chunk")]


def release(c: Code, op: Op) -> list[str]:
    cursor, chunk = c.of(op.operands[0])
    c.do(f"call void @morula.release(ptr %ctx, ptr {cursor}, ptr {chunk})")
    return []


ROWS: dict[str, Row] = {
    "fit": fit,
    "get": get,
    "set": put,
    "add_at": add_at,
    "accum f64[]": accum,
    "accum c128[]": accum,
    "gemm": gemm,
    "len": length,
    "zeros": zeros,
    "zeros_like": zeros,
    "copy": copy,
    "box": box,
    "unbox": unbox,
    "null": null,
    "is_null": is_null,
    "mark": mark,
    "release": release,
}
