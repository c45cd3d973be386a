"""What goes over the border between Python and compiled code, and pullbacks in Python."""

from __future__ import annotations

import enum
import gc
import os
import threading
import traceback
import weakref
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

from morula.backend import machine, runtime
from morula.backend.border import BorderError, classify, flatten, rebuild
from morula.backend.cotangent import cotangent
from morula.backend.invoke import Native, Pullback, invoke
from morula.backend.traceback import Failures
from morula.backend.writer import CheckSite
from morula.ir.core import Site
from morula.ir.structure import Constant, Leaf, PullbackTree, Record, Tree, Tuple, cotangent_tree
from morula.ir.types import BOOL, F64, I64, Array

FLOAT, INT, TRUTH, NONE = Leaf(F64), Leaf(I64), Leaf(BOOL), Constant(None)
ARRAY, STRIDED = Leaf(Array(F64, 1)), Leaf(Array(F64, 1, strided=True))
Pair = namedtuple("Pair", "a b")


class Color(enum.IntEnum):
    RED = 3


def test_classify() -> None:
    x = np.arange(6.0)
    taken: list[tuple[Any, Tree]] = [
        (1.0, FLOAT),
        (np.float32(1), FLOAT),
        (np.float64(1), FLOAT),
        (3, INT),
        (np.int8(3), INT),
        (np.uint64(3), INT),
        (Color.RED, INT),
        (True, TRUTH),
        (np.True_, TRUTH),
        (None, NONE),
        ("axis", Constant("axis")),
        (x, ARRAY),
        (x[:0], ARRAY),
        (x[::2], STRIDED),
        (x[::-1], STRIDED),
        ((), Tuple(())),
        ((1.0, (2, x)), Tuple((FLOAT, Tuple((INT, ARRAY))))),
    ]
    for value, tree in taken:
        assert classify(value) == tree and hash(classify(value)) == hash(tree)


def test_refused_with_a_cure() -> None:
    unaligned = np.frombuffer(b"\0" * 25, np.float64, 3, 1)
    refused: list[tuple[Any, str]] = [
        ([1.0, np.ones(2)], "one kind"),
        (np.ones(3, np.float16), r"np.asarray\(v, float\)"),
        (np.ones(3, np.complex64), r"np.asarray\(v, complex\)"),
        (np.ones(3, "U1"), "float64"),
        (np.ones(3, ">f8"), "byte order"),
        (unaligned, "copy"),
        (np.complex64(1j), "complex"),
        ({1.5: 1.0}, "tuple"),
        (2**63, "float"),
        (-(2**63) - 1, "float"),
        (object(), "pass numbers"),
        ([np.ones(2), np.ones((2, 2))], "one dtype"),
    ]
    for value, text in refused:
        with pytest.raises(BorderError, match=text) as caught:
            classify(value, "v")
        assert caught.value.kind == "E03" and caught.value.cure


def test_records() -> None:
    value = {"p": Pair(1.0, 2), "q": ({},)}
    tree = classify(value)
    assert tree == Record(
        dict,
        ("p", "q"),
        (Record(Pair, ("a", "b"), (Leaf(F64), Leaf(I64))), Tuple((Record(dict, (), ()),))),
    )
    leaves = list(flatten(tree, value))
    assert leaves == [1.0, 2] and rebuild(tree, iter(leaves), lambda t, b, known: None) == value


def test_flatten_and_rebuild() -> None:
    value = (1.5, (3, None, True), np.arange(3.0), "word")
    tree = classify(value)
    leaves = list(flatten(tree, value))
    assert leaves[:3] == [1.5, 3, True] and leaves[3] is value[2]
    back = rebuild(tree, iter(leaves), lambda tree, box, known: None)
    assert back == value
    with pytest.raises(BorderError):
        list(flatten(tree, (1.5, (3, None), value[2], "word")))


def test_cotangent_has_the_structure_of_the_result() -> None:
    tree = Tuple((FLOAT, INT, Tuple((ARRAY, NONE)), TRUTH))
    sizes = (None, None, (3,), None)
    x = np.arange(3)
    got = cotangent(tree, (2, None, (x, None), None), sizes)
    assert got[0] == 2.0 and type(got[0]) is float and len(got) == 2
    assert got[1].dtype == np.float64 and got[1].tolist() == [0.0, 1.0, 2.0]
    strided = cotangent(ARRAY, np.arange(6.0)[::2], ((3,),))[0]
    assert strided.flags.c_contiguous and strided.tolist() == [0.0, 2.0, 4.0]
    wrong: list[Any] = [
        1.0,
        (1.0, None, (x, None)),
        (1.0, 2.0, (x, None), None),
        (1.0, None, (x,), None),
        (1.0, None, ([0.0, 1.0, 2.0], None), None),
        (None, None, (x, None), None),
        (True, None, (x, None), None),
        [1.0, None, (x, None), None],
        ("a", None, (x, None), None),
    ]
    for ct in wrong:
        with pytest.raises(BorderError) as caught:
            cotangent(tree, ct, sizes)
        assert caught.value.kind == "E09"
    for shape in (4, (3, 1)):
        with pytest.raises(ValueError, match="shape"):
            cotangent(tree, (1.0, None, (np.ones(shape), None), None), sizes)


# ---- native code, written by hand: y = sum of c * x, and its pullback

RECORD = "f.pullback"
PULLBACK = PullbackTree(RECORD, FLOAT, Tuple((FLOAT, ARRAY)))
TEXT = """
define i32 @"entry.vjp"(ptr %ctx, ptr %args, ptr %results) {
entry:
  %c = load double, ptr %args
  %p.at = getelementptr i64, ptr %args, i64 1
  %p = load ptr, ptr %p.at
  %n.at = getelementptr i64, ptr %args, i64 2
  %n = load i64, ptr %n.at
  %bad = icmp eq i64 %n, 0
  br i1 %bad, label %fail, label %fine
fail:
  %site = getelementptr %morula.ctx, ptr %ctx, i32 0, i32 5
  store i64 0, ptr %site
  ret i32 1
fine:
  br label %loop
loop:
  %i = phi i64 [ 0, %fine ], [ %i.1, %loop ]
  %s = phi double [ 0.0, %fine ], [ %s.1, %loop ]
  %x.at = getelementptr double, ptr %p, i64 %i
  %x = load double, ptr %x.at
  %s.1 = fadd double %s, %x
  %i.1 = add i64 %i, 1
  %more = icmp slt i64 %i.1, %n
  br i1 %more, label %loop, label %done
done:
  %y = fmul double %c, %s.1
  %box = call ptr @morula.alloc(ptr %ctx, i64 4, i64 8)
  store double %c, ptr %box
  %b1 = getelementptr i64, ptr %box, i64 1
  store double %s.1, ptr %b1
  %b2 = getelementptr i64, ptr %box, i64 2
  store ptr %p, ptr %b2
  %b3 = getelementptr i64, ptr %box, i64 3
  store i64 %n, ptr %b3
  store double %y, ptr %results
  %r1 = getelementptr i64, ptr %results, i64 1
  store ptr %box, ptr %r1
  ret i32 0
}
define i32 @"entry.pull"(ptr %ctx, ptr %args, ptr %results) {
entry:
  %box = load ptr, ptr %args
  %ct.at = getelementptr i64, ptr %args, i64 1
  %ct = load double, ptr %ct.at
  %c = load double, ptr %box
  %b2 = getelementptr i64, ptr %box, i64 2
  %p = load ptr, ptr %b2
  %b3 = getelementptr i64, ptr %box, i64 3
  %n = load i64, ptr %b3
  %q = call ptr @morula.alloc(ptr %ctx, i64 %n, i64 8)
  %g = fmul double %c, %ct
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i.1, %loop ]
  %s = phi double [ 0.0, %entry ], [ %s.1, %loop ]
  %q.at = getelementptr double, ptr %q, i64 %i
  store double %g, ptr %q.at
  %x.at = getelementptr double, ptr %p, i64 %i
  %x = load double, ptr %x.at
  %s.1 = fadd double %s, %x
  %i.1 = add i64 %i, 1
  %more = icmp slt i64 %i.1, %n
  br i1 %more, label %loop, label %done
done:
  %gc = fmul double %ct, %s.1
  store double %gc, ptr %results
  %r1 = getelementptr i64, ptr %results, i64 1
  store ptr %q, ptr %r1
  %r2 = getelementptr i64, ptr %results, i64 2
  store i64 %n, ptr %r2
  ret i32 0
}
define i32 @"entry.pass"(ptr %ctx, ptr %args, ptr %results) {
  %box = load ptr, ptr %args
  store ptr %box, ptr %results
  ret i32 0
}
!0 = !{!"branch_weights", i32 2000, i32 1}
"""
SITES = (CheckSite("ValueError", "no elements", (Site(__file__, 1, 1),), "f"),)


def compiled() -> dict[str, Native]:
    names = ("vjp", "pull", "pass")
    text = runtime.PRELUDE + runtime.FUNCTIONS + TEXT
    code = machine.compile(text, [f"entry.{n}" for n in names])

    def native(name: str, inputs: tuple[Tree, ...], result: Tree) -> Native:
        return Native(
            code.addresses[f"entry.{name}"],
            inputs,
            result,
            Failures(SITES),
            code,
            pull=lambda tree: ("f.pull", pull),
        )

    pull = native("pull", (PULLBACK, FLOAT), cotangent_tree(PULLBACK.results))
    return {
        "vjp": native("vjp", (FLOAT, ARRAY), Tuple((FLOAT, PULLBACK))),
        "pull": pull,
        "pass": native("pass", (PULLBACK,), PULLBACK),
    }


NATIVE = compiled()


def test_pullback() -> None:
    x = np.arange(4.0)
    y, pullback = invoke(NATIVE["vjp"], (2.0, x))
    assert y == 12.0 and isinstance(pullback, Pullback)
    assert pullback.tree == PULLBACK and classify(pullback) == PULLBACK
    assert pullback.function == "f.pull" and repr(pullback) == "<pullback of f>"
    x[:] = 100.0  # the pullback has a copy
    for ct in (1.0, 1, np.float64(1.0)):
        by_c, by_x = pullback(ct)
        assert by_c == 6.0 and by_x.tolist() == [2.0] * 4
    with pytest.raises(BorderError, match="float") as caught:
        pullback((1.0,))
    assert caught.value.kind == "E09"
    files = [e.filename for e in traceback.extract_tb(caught.value.__traceback__)]
    assert files and not any("backend" in name for name in files)
    with pytest.raises(BorderError, match="one cotangent"):
        pullback()
    with pytest.raises(AttributeError):
        pullback.box = 0
    with pytest.raises(TypeError):
        __import__("pickle").dumps(pullback)


def test_pullback_owns_what_it_needs() -> None:
    """One handed through compiled code keeps the memory of the one that came in."""
    pullback = invoke(NATIVE["vjp"], (2.0, np.arange(4.0)))[1]
    handed = invoke(NATIVE["pass"], (pullback,))
    gone = weakref.ref(pullback)
    del pullback
    gc.collect()
    assert gone() is not None
    invoke(NATIVE["vjp"], (9.0, np.ones(4)))
    assert handed(1.0)[0] == 6.0
    del handed
    gc.collect()
    assert gone() is None


def test_pullback_in_many_threads() -> None:
    pullback = invoke(NATIVE["vjp"], (2.0, np.arange(50.0)))[1]
    bad: list[object] = []

    def run(k: int) -> None:
        for _ in range(200):
            by_c, by_x = pullback(float(k))
            if by_c != 1225.0 * k or by_x.tolist() != [2.0 * k] * 50:
                bad.append((k, by_c))

    threads = [threading.Thread(target=run, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not bad


def test_error_leaves_no_pullback() -> None:
    with pytest.raises(ValueError, match="no elements") as caught:
        invoke(NATIVE["vjp"], (2.0, np.ones(0)))
    assert caught.value.__morula_at__ == SITES[0].loc  # type: ignore[attr-defined]


def test_pullbacks_do_not_leak() -> None:
    x = np.arange(2000.0)

    def resident() -> int:
        with open("/proc/self/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def run(n: int) -> None:
        for _ in range(n):
            y, pullback = invoke(NATIVE["vjp"], (2.0, x))
            invoke(NATIVE["pass"], (pullback,))(1.0)

    run(500)
    gc.collect()
    before = resident()
    run(10_000)
    gc.collect()
    assert resident() - before < 4 << 20


def test_many_pullbacks_at_once() -> None:
    """Each has memory of its own, also where memory is used again."""
    made = [invoke(NATIVE["vjp"], (float(k), np.full(3, float(k)))) for k in range(100)]
    del made[::3]
    made += [invoke(NATIVE["vjp"], (float(k), np.full(3, float(k)))) for k in range(100, 150)]
    for y, pullback in made:
        by_c, by_x = pullback(1.0)
        k = by_x[0]
        assert by_c == 3.0 * k and y == 3.0 * k * k and by_x.tolist() == [k] * 3
