"""The type of what `jit` returns: a function-like object that is called through native code.

CPython calls an object whose type has `HAVE_VECTORCALL` through a C function pointer that stands
in the object.  `ctypes` can make such a type by the official `PyType_FromSpecWithBases`, so no C
extension is needed, and the pointer may be set to code that LLVM has just made:

    _Native      from a spec: the object header, the pointer, and a pointer to the chain
    _Attributes  a Python class on top: attributes, methods, weak references, garbage collection
    Callable     from a spec again: the flag, which a Python class may lose

The pointer is null at first.  CPython then goes through `__call__`, which is a property here: it
sets the pointer to native code that calls `slow`, and hands back the object, which CPython calls
again.  So no Python frame of ours stands between the caller and native code, not even in the
first call, and an exception leaves through native code that hides our own frames.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
import types
from collections.abc import Callable as Function
from typing import Any

HEADER = object.__basicsize__  # ob_refcnt and ob_type; ob_type is its last word
POINTER = HEADER  # where the vectorcall pointer stands in an instance
CHAIN = HEADER + 8  # where the address of the table stands: what to try in turn, then the fallback
POSITION = 32  # from this bit on, `nargsf` says how far a call has come in the table

_TP_CALL, _TP_MEMBERS = 50, 72  # slot numbers of typeslots.h, part of the stable ABI
_SSIZE, _READONLY = 19, 1
_DEFAULT, _BASETYPE = 1 << 18, 1 << 10
_VECTORCALL, _METHOD = 1 << 11, 1 << 17  # METHOD: `obj.f(x)` calls f(obj, x), nothing is bound

_api = ctypes.pythonapi


class _Slot(ctypes.Structure):
    _fields_ = [("slot", ctypes.c_int), ("value", ctypes.c_void_p)]


class _Member(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


class _Spec(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    ]


_changing = threading.RLock()  # held while a target changes, so that no link of a chain is lost
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_changing._at_fork_reinit)  # type: ignore[attr-defined]

_immortal: list[object] = []  # specs and members, which the types refer to


def _type_from_spec(name: str, size: int, flags: int, slots: dict[int, int], base: type) -> type:
    """A heap type with the given slots."""
    table = (_Slot * (len(slots) + 1))(*(_Slot(*s) for s in slots.items()))  # ends in zeros
    spec = _Spec(name.encode(), size, 0, flags, table)
    _immortal.extend((table, spec))
    make = _api.PyType_FromSpecWithBases
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object]
    made = make(ctypes.addressof(spec), (base,))
    assert isinstance(made, type)
    return made


def _native_type() -> type:
    members = (_Member * 2)(_Member(b"__vectorcalloffset__", _SSIZE, POINTER, _READONLY, None))
    _immortal.append(members)
    call = ctypes.cast(_api.PyVectorcall_Call, ctypes.c_void_p).value
    assert call is not None
    slots = {_TP_CALL: call, _TP_MEMBERS: ctypes.addressof(members)}
    flags = _DEFAULT | _BASETYPE | _VECTORCALL
    return _type_from_spec("morula._Native", HEADER + 16, flags, slots, object)


_Native: Any = _native_type()


class _Attributes(_Native):  # type: ignore[misc]
    """What is Python in a compiled callable.

    `slow(self, *args, **kwargs)` is called where no native code takes the arguments; `title`
    is what repr shows, `jit(f)`; `about` is handed out as `__morula__` and says to other parts
    what was derived from which function; `lower` makes `.lower(*args)`.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_slow",
        "_lower",
        "_keep",
        "_title",
        "_table",
        "__morula__",
    )

    def __init__(
        self,
        wrapped: Function[..., Any],
        slow: Function[..., Any],
        *,
        title: str = "",
        about: object = None,
        lower: Function[..., Any] | None = None,
    ) -> None:
        functools.update_wrapper(self, wrapped)
        self.__wrapped__ = wrapped
        self.__morula__ = about
        self._slow, self._lower = slow, lower
        self._title = title or f"jit({getattr(wrapped, '__qualname__', repr(wrapped))})"
        self._keep: list[object] = []
        self._table: Any = None

    @property
    def __call__(self) -> Any:
        if not self.target:
            from .fallback import address

            last = address()
            with _changing:
                if not self.target:
                    self._point_to([last])
        return self

    @property
    def target(self) -> int:
        """Address of the code that a call goes to; 0 before the first call."""
        return ctypes.c_void_p.from_address(id(self) + POINTER).value or 0

    def _point_to(self, addresses: list[int]) -> None:
        """Native code reads the table between two bytecodes, so the old one may go in the end."""
        table = (ctypes.c_void_p * len(addresses))(*addresses)
        ctypes.c_void_p.from_address(id(self) + CHAIN).value = ctypes.addressof(table)
        ctypes.c_void_p.from_address(id(self) + POINTER).value = addresses[0]
        self._table = table

    def prepend(self, address: int, keep: object) -> None:
        """Calls go to the vectorcall function at `address` first, then where they went before.

        `keep` owns the code.  It lives as long as this object, for it may be running at any time.
        """
        self._put(address, keep, True)

    def retarget(self, address: int, keep: object) -> None:
        """Calls go to the vectorcall function at `address`, and what it does not take to `slow`.

        What was kept before is kept on: older code may be running right now.
        """
        self._put(address, keep, False)

    def _put(self, first: int, keep: object, go_on: bool) -> None:
        from .fallback import address

        last = address()
        with _changing:
            if not any(k is keep for k in self._keep):
                self._keep.append(keep)
            rest = [a for a in self._table or () if a not in (first, last)] if go_on else []
            self._point_to([first, *rest, last])

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """The stages of this function compiled for such arguments."""
        if self._lower is None:
            raise AttributeError(f"{self!r} has no stages to show")
        return self._lower(*args, **kwargs)

    def __get__(self, obj: object, owner: type | None = None) -> Any:
        return self if obj is None else types.MethodType(self, obj)

    def __repr__(self) -> str:
        return f"<morula {self._title}>"

    def __copy__(self) -> Any:
        return self  # as functions do

    def __deepcopy__(self, memo: object) -> Any:
        return self

    def __reduce__(self) -> str:
        """Pickled by name, as functions are; possible only if the name leads back to it."""
        module, name = getattr(self, "__module__", None), getattr(self, "__qualname__", "")
        found: Any = sys.modules.get(module or "")
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not self:
            raise TypeError(
                f"cannot pickle {self!r}: it is not {module}.{name}; "
                "pickle the Python function and compile it where it is loaded"
            )
        return str(name)


def _leaf_type() -> type:
    # No call slot of its own: it inherits that of a Python class, which looks up `__call__` and
    # is used while the pointer is null; one given here would put a `__call__` before the property.
    return _type_from_spec("morula.Callable", 0, _DEFAULT | _VECTORCALL | _METHOD, {}, _Attributes)


Callable: Any = _leaf_type()
