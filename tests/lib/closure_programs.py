"""Closures that hold closures of their own kind, and variables that change.

A continuation that holds the one before, a chain of functions made in a loop, thunks in a list.
"""

# The programs stand as users write them, without annotations.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="misc, has-type, no-redef"
# ruff: noqa: E731, B023

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from program_rows import Row, registering

ROWS: list[Row] = []
row = registering(ROWS)


@dataclass
class Acc:
    v: Any


@dataclass(frozen=True)
class Node:
    f: Any
    rest: Any


@row((1.3, True), (1.3, False))
def one_of_two_variables(x, flag):
    def counter(a):
        t = a

        def add():
            nonlocal t
            t += x
            return t

        return add

    p, q = counter(x), counter(2.0 * x)
    r = p if flag else q
    return r() + p() * q()


@row((1.3, 4), (0.7, 0))
def counted(x, n):
    count = 0

    def go(k, then):
        nonlocal count
        count += 1
        if k == 0:
            return then(1.0)
        return go(k - 1, lambda r: then(r * x))

    return go(n, lambda r: r + count * x)


@row((1.3, 4), (0.7, 1), (0.7, 0))
def last_index(x, n):
    h = lambda y: y * x
    for i in range(n):
        h = lambda y, p=h: p(y) * x + i
    return h(1.0)


@row((1.3, 4), (0.7, 0))
def written_inside(x, n):
    total = 0.0

    def go(k, then):
        if k == 0:
            return then(1.0)

        def after(r):
            nonlocal total
            total += r * r
            return then(r * x + total)

        return go(k - 1, after)

    out = go(n, lambda r: r * x)
    return out + total * x


@row((1.3, 4), (0.7, 3))
def two_chains(x, n):
    # chains with cells of their own, each made by a call
    def chain(a):
        s = a
        h = lambda y: y
        for _ in range(n):
            s = s * x
            h = lambda y, p=h: p(y) * s + y
        s = s + 1.0
        return h

    p, q = chain(x), chain(2.0)
    return p(1.0) + q(x) * p(x)


@row((1.3, 4, True), (0.7, 3, False))
def either_chain(x, n, flag):
    def chain(a):
        s = a

        def add(y):
            nonlocal s
            s += y
            return s

        h = add
        for _ in range(n):
            h = lambda y, p=h: p(y * x) + s
        return h

    p, q = chain(x), chain(2.0)
    r = p if flag else q
    return r(1.0) * 3.0 + p(x) * 2.0 + q(x) + r(x)


@row((1.3, 4), (0.7, 3))
def branch_outside(x, n):
    # first with no cells, then with
    def go(k, then):
        if k == 0:
            return then(x)
        return go(k - 1, lambda r: then(r * x) + 1.0)

    s = x
    a = go(n, lambda r: r)
    s = a * x
    b = go(n, lambda r: r + s)
    s = s * 2.0
    return a + b + go(n, lambda r: r * s)


@row((1.3, 5), (0.7, 2))
def two_kinds(x, n):
    # two functions hold each other, each with a cell
    odd, even = 0.0, 1.0
    h = lambda y: y
    for i in range(n):
        if i % 2 == 0:

            def h(y, p=h):
                return p(y) * x + even

            even = even + x
        else:

            def h(y, p=h):
                return math.sin(p(y)) * odd + y

            odd = odd + x * x
    even = even * x
    return h(x)


@row((1.3, 5), (0.7, 2))
def stack_of_thunks(x, n):
    total = x
    work = None

    def push(v, rest):
        def run():
            nonlocal total
            total = total * v + x
            return rest

        return run

    for i in range(n):
        work = push(i + x, work)
    while work is not None:
        work = work()
    return total


@row((1.3, 5), (0.7, 2))
def shared_record(x, n):
    acc = Acc(x)

    def go(k, then):
        acc.v += k * x
        if k == 0:
            return then(1.0)
        return go(k - 1, lambda r: then(r * acc.v))

    return go(n, lambda r: r + acc.v) + acc.v


@row((1.3, 5), (0.7, 2))
def records_of_closures(x, n):
    scale = x
    out = None
    for i in range(n):
        scale = scale * x
        out = Node(lambda y: y * scale, out)
    scale = scale + 1.0
    s = x
    while out is not None:
        s = out.f(s)
        out = out.rest
    return s


@row((1.3, 5), (0.7, 2))
def returned(x, n):
    def make(k):
        t = x
        h = lambda y: y + t
        for i in range(k):
            h = lambda y, p=h: p(y) * t
            t = t + 1.0

        def bump():
            nonlocal t
            t = t * x

        return h, bump

    h, bump = make(n)
    a = h(x)
    bump()
    return a + h(x) * 2.0


@row((1.3, 3), (0.7, 2))
def in_a_loop(x, n):
    s = 0.0
    for j in range(n):
        c = x + j
        h = lambda y: y
        for i in range(j + 1):
            h = lambda y, p=h: p(y) * c + i
        c = c * x
        s += h(1.0)
    return s


@row((1.3, 4), (0.7, 2))
def optional_variable(x, n):
    # bound on some paths only
    h = lambda y: y
    for i in range(n):
        if i == 1:
            z = x
        h = (lambda y, p=h: p(y) * z) if i > 0 else (lambda y, p=h: p(y) + x)
    z = x * x if n > 1 else 1.0
    return h(x)


@row((1.3, 4), (0.7, 2))
def handlers(x, n):
    # backtracking with success and failure continuations
    tries = 0

    def search(k, acc, ok, fail):
        nonlocal tries
        tries += 1
        if acc > 3.0:
            return fail()
        if k == 0:
            return ok(acc, fail)
        return search(k - 1, acc * x, ok, lambda: search(k - 1, acc + x, ok, fail))

    return search(n, 1.0, lambda a, _: a * tries, lambda: -1.0 * tries)


@row((1.3, 4), (0.7, 2))
def tree_walk(x, n):
    # cps over a binary recursion
    leaves = 0

    def walk(k, then):
        nonlocal leaves
        if k < 2:
            leaves += 1
            return then(x + leaves)
        return walk(k - 1, lambda a: walk(k - 2, lambda b: then(a * b + x)))

    return walk(n, lambda r: r + leaves)


@row((1.3, 4, 1), (0.7, 2, 0))
def one_of_two_then_chained(x, n, k):
    def chain(a):
        s = a

        def h(y):
            nonlocal s
            s = s * 1.5
            return y + s

        return h

    p, q = chain(x), chain(2.0)
    h = p if k else q
    for i in range(n):
        h = lambda y, p=h: p(y) * x
    a = h(1.0)
    h = q if k else p
    for i in range(n):
        h = lambda y, p=h: p(y) * x
    return a * h(1.0) + p(x) * q(x)


@row((1.3, 4), (0.7, 2))
def one_of_two_records(x, n):
    a, b = Acc(x), Acc(2.0)
    acc = a if n > 3 else b
    h = lambda y: y * acc.v
    for i in range(n):
        acc.v += x
        h = lambda y, p=h: p(y) + acc.v
    a.v *= 2.0
    return h(x) + a.v * b.v


@row((1.3, 4), (0.7, 2))
def optional_record(x, n):
    a = Acc(x) if n > 3 else None
    h = lambda y: y
    for i in range(n):
        if a is not None:
            a.v += x
        h = lambda y, p=h: p(y) + (a.v if a is not None else x)
    return h(x)


@row((1.3, 4), (0.7, 2))
def hooks_and_notes(x, n):
    # callbacks unregister: linked closures in a cell
    hooks = None
    total = x

    def add(f):
        nonlocal hooks
        hooks = Node(f, hooks)

    def note(v):
        nonlocal total
        total += v
        return total

    for i in range(n):
        add(lambda v: note(v * x))
        add(lambda v: v + total)
    s = x
    h = hooks
    while h is not None:
        s = h.f(s)
        h = h.rest
    return s + total


@row((1.3, 4), (0.7, 2))
def argument_cells(x, n):
    def walk(k, cont, acc):
        acc.v = acc.v + x
        if k == 0:
            return cont(acc.v)
        return walk(k - 1, lambda r: cont(r * acc.v), acc)

    a = Acc(x)
    b = Acc(1.0)
    return walk(n, lambda r: r, a) + walk(n, lambda r: r + a.v, b) + a.v * b.v


@row((1.3, 4), (0.7, 2))
def new_chain_each_turn(x, n):
    def chain(a, m):
        s = a
        h = lambda y: y
        for _ in range(m):
            h = lambda y, p=h: p(y) * s
        s = s + x
        return h

    p = chain(x, 1)
    t = 0.0
    for i in range(n):
        t = t + p(x)
        p = chain(t, i)
    return p(t)


@row((1.3, 4), (0.7, 3))
def mutual(x, n):
    seen = x

    def even(k, then):
        nonlocal seen
        seen += 1.0
        return then(1.0) if k == 0 else odd(k - 1, lambda r: then(r * seen))

    def odd(k, then):
        nonlocal seen
        seen *= x
        return then(0.5) if k == 0 else even(k - 1, lambda r: then(r + seen))

    return even(n, lambda r: r * x)


@row((1.3, 4), (0.7, 2))
def two_levels(x, n):
    # the outer chain's links hold chains of another kind; cells of both
    s, t = x, 1.0
    f = lambda y: y
    for i in range(n):
        g = f
        for j in range(i):
            t = t + x
            g = lambda y, p=g: p(y) + t
        s = s * x
        f = lambda y, p=g, q=f: p(y) * s + q(x)
    return f(x) * t


@row((1.3, 4), (0.7, 2))
def cell_holds_chain(x, n):
    hooks = lambda y: y
    scale = x

    def add(c):
        nonlocal hooks
        old = hooks
        hooks = lambda y: old(y) * scale + c

    for i in range(n):
        add(x * i)
    scale = scale * 2.0
    return hooks(x)


@row((1.3, 4), (0.7, 2))
def unbound_then(x, n):
    h = lambda y: y
    for i in range(n):
        h = lambda y, p=h: p(y) * later
    later = x
    return h(x)


@row((1.3, 4), (0.7, 2))
def while_with_test_cell(x, n):
    left = n
    acc = lambda: x

    def more():
        nonlocal left
        left -= 1
        return left >= 0

    while more():
        acc = lambda p=acc: p() * x + left
    return acc()


@row((1.3, 4), (0.7, 2))
def bound_before(x, n):
    """Each link captures a variable that changes no more: its value is in the link."""

    def go(k, then):
        if k == 0:
            return then(1.0)
        a = x * k
        a = a + 1.0
        return go(k - 1, lambda r: then(r * a))

    return go(n, lambda r: r)


@row((1.3, 4), (0.7, 2))
def bound_in_a_loop_before(x, n):
    out = 0.0
    for j in range(n):
        s = 0.0
        for _ in range(j):
            s += x
        f = lambda y: y * s
        s = s * 2.0
        out += f(x)
    f = lambda y: y * out + s
    return f(x)


@row(
    (1.3, 4),
)
def function_bound_twice(x, n):
    def h(k):
        return x if k == 0 else h(k - 1) * x

    g = h

    def h(k):
        return 1.0 if k == 0 else h(k - 1) + x

    return g(n) + h(n)


@row(
    (1.3, 4),
)
def function_replaced(x, n):
    def h(k):
        return x * k

    g = h

    def h(k):
        return 1.0 if k == 0 else h(k - 1) + x

    return g(n) + h(n)
