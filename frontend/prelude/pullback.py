"""A pullback that Python holds, as a function that can be compiled and differentiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def applied(pullback: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function of a cotangent that the pullback is."""

    def pull(ct: Any) -> Any:
        return pullback(ct)

    return pull
