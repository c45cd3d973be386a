"""The object that compiled functions are: attributes, threads, signals, processes, leaks."""

from __future__ import annotations

import copy
import gc
import inspect
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest

from morula.backend.callable_type import Callable
from morula.ir.structure import Tuple
from native_functions import (
    ARRAY,
    COPY,
    DEEP,
    FLOAT,
    INT,
    NONE,
    RECIPROCAL,
    SPIN,
    SQUARE,
    SWAP,
    TRUTH,
    Slow,
    add,
    make,
    outer,
    positions,
)


def resident() -> int:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


# ---- the object


def test_attributes() -> None:
    def wrapped(x: float, *, n: int = 3) -> float:
        "the docstring"
        return x

    f = Callable(wrapped, Slow(), about=("jit", wrapped), lower=lambda *a: ("lowered", a))
    assert f.__wrapped__ is wrapped and f.__name__ == "wrapped" and f.__doc__ == "the docstring"
    assert f.__qualname__.endswith("wrapped") and f.__module__ == __name__
    assert f.__morula__ == ("jit", wrapped) and f.lower(1, 2) == ("lowered", (1, 2))
    assert str(inspect.signature(f)) == str(inspect.signature(wrapped)) and callable(f)
    assert repr(f).startswith("<morula jit(") and f != Callable(wrapped, Slow())
    f.extra = 1
    assert f.extra == 1 and hash(f) == hash(f)
    assert copy.copy(f) is f and copy.deepcopy([f])[0] is f


class Holder:
    method = Callable(outer, Slow(lambda me, *args: args))


at_module_level = Callable(outer, Slow())
at_module_level.__qualname__ = "at_module_level"


def test_methods() -> None:
    h = Holder()
    assert h.method(1.0) == (h, 1.0) and Holder.method(1.0) == (1.0,)
    bound = h.method
    assert bound(2.0) == (h, 2.0)


def test_pickled_by_name_or_refused() -> None:
    sys.modules.setdefault(__name__, sys.modules.get(__name__) or sys)
    at_module_level.__module__ = __name__
    if getattr(sys.modules[__name__], "at_module_level", None) is at_module_level:
        assert pickle.loads(pickle.dumps(at_module_level)) is at_module_level
    with pytest.raises(TypeError, match="pickle the Python function"):
        pickle.dumps(Callable(outer, Slow()))


def test_weak_references_and_cycles() -> None:
    f = make(SQUARE, (FLOAT,), FLOAT)
    f.me = f
    alive = weakref.ref(f)
    del f
    gc.collect()
    assert alive() is None
    before = sys.getrefcount(Callable)
    for _ in range(1000):
        Callable(outer, Slow())
    gc.collect()
    assert abs(sys.getrefcount(Callable) - before) < 10


# ---- threads, signals, processes, leaks


def test_recursion_error_in_every_thread() -> None:
    f = make(DEEP, (INT,), INT)
    assert f(1000) == 1000
    found: list[object] = []

    def run() -> None:
        for _ in range(3):
            try:
                found.append(f(10**9))
            except RecursionError as e:
                found.append(str(e))
        found.append(f(100))

    run()
    old = threading.stack_size()
    for size in (0, 256 * 1024, 16 << 20, 256 * 1024):
        threading.stack_size(size)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    threading.stack_size(old)
    assert found == ["maximum recursion depth exceeded"] * 3 + [100] + found[4:]
    assert len(found) == 20 and found[:4] * 5 == found


def test_control_c_stops_a_loop() -> None:
    f = make(SPIN, (FLOAT,), FLOAT)
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -INT {os.getpid()}"])
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        f(1.0)
    killer.wait()
    assert time.perf_counter() - start < 60


def test_a_signal_handler_may_call_it_again() -> None:
    """A nested call takes memory of its own."""
    spin, copied = make(SPIN, (FLOAT,), FLOAT), make(COPY, (ARRAY,), ARRAY)
    seen: list[Any] = []

    def handler(*_: object) -> None:
        seen.append(copied(np.arange(5.0)))
        raise LookupError("stop")

    old = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(LookupError):
            spin(1.0)
    finally:
        signal.signal(signal.SIGALRM, old)
    assert seen[0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_many_threads() -> None:
    f, g = make(COPY, (ARRAY,), ARRAY), make(RECIPROCAL, (FLOAT,), FLOAT)
    bad: list[object] = []

    def run(k: int) -> None:
        x = np.full(100 + k, float(k))
        for n in range(2000):
            if not np.array_equal(f(x), x):
                bad.append(k)
            if n % 50 == 0:
                with pytest.raises(ZeroDivisionError):
                    g(0.0)

    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    sys.setswitchinterval(old)
    assert not bad


def test_fork() -> None:
    f = make(COPY, (ARRAY,), ARRAY)
    f(np.ones(10))
    child = os.fork()
    if child == 0:
        g = make(SQUARE, (FLOAT,), FLOAT)  # compiles in the child
        os._exit(0 if f(np.ones(3)).sum() == 3.0 and g(2.0) == 4.0 else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_nothing_leaks() -> None:
    slow = Slow(lambda me, *args, **kwargs: None)
    f = make(SWAP, (Tuple((FLOAT, INT, TRUTH)),), Tuple((INT, Tuple((FLOAT, NONE)), TRUTH)), slow)
    g, h = make(COPY, (ARRAY,), Tuple((ARRAY, NONE))), make(RECIPROCAL, (FLOAT,), FLOAT)
    x, t = np.arange(100.0), (1.5, 10**12, True)

    def run(n: int) -> None:
        for _ in range(n):
            f(t)
            g(x)
        for _ in range(n // 20):
            f(1.0, k=2)
            slow.calls.clear()
            with pytest.raises(ZeroDivisionError):
                h(0.0)

    run(4000)
    gc.collect()
    objects = [x, None, True, np.dtype(float), np.ndarray, t, f, outer]
    before, counts = resident(), [sys.getrefcount(o) for o in objects]
    run(100_000)
    gc.collect()
    assert resident() - before < 4 << 20
    assert all(abs(sys.getrefcount(o) - n) < 1000 for o, n in zip(objects, counts, strict=True))


def test_first_calls_at_the_same_time() -> None:
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(3):
            lock = threading.Lock()
            done: list[object] = []

            def compile_once(me: Any, x: float, lock: Any = lock, done: Any = done) -> Any:
                with lock:
                    if not done:
                        add(me, SQUARE, positions(FLOAT), FLOAT)
                        done.append(me)
                return x * x

            f = Callable(outer, Slow(compile_once))
            found: list[float] = []

            def run(k: int, f: Any = f, found: list[float] = found) -> None:
                found.append(f(float(k)))

            threads = [threading.Thread(target=run, args=(k,)) for k in range(16)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            assert sorted(found) == [float(k * k) for k in range(16)]
            calls = len(f._slow.calls)
            assert f(7.0) == 49.0 and len(f._slow.calls) == calls
    finally:
        sys.setswitchinterval(old)
