"""Closed generic SSA to typed SSA, by abstract interpretation (stage `typed`)."""

from .border import Entry, Hidden, specialize
from .instances import Linked

__all__ = ["Entry", "Hidden", "Linked", "specialize"]
