"""Room for passes that recurse along a program.

The statements after an `if` that leaves stand inside its other arm, so a long function is a deep
one.  Calls between Python functions take no C stack (3.11 and later), so a higher recursion limit
is safe while such a pass runs; a pass that recurses through a generator, `map` or a class would.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LIMIT = 200_000
_lock = threading.Lock()
_inside = 0
_before = 0


@contextmanager
def deep() -> Iterator[None]:
    """Raise the recursion limit; the last thread to leave puts the old one back."""
    global _inside, _before
    with _lock:
        if _inside == 0:
            _before = sys.getrecursionlimit()
            sys.setrecursionlimit(max(LIMIT, _before))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                sys.setrecursionlimit(_before)
