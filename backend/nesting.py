"""Walks over nested regions without recursion: generators on a stack of their own.

A generator that wants a nested walk done yields it and goes on when that has ended, so that the
depth of a program is never the depth of Python's stack.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

Walk = Generator["Walk", None, Any]


def drive(first: Walk) -> None:
    """Run a walk and all that it yields, depth first."""
    stack = [first]
    while stack:
        nested = next(stack[-1], None)
        if nested is None:
            stack.pop()
        else:
            stack.append(nested)
