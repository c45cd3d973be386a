"""The last link of every chain of specialisations: native code that calls Python.

It calls `slow(callable, *args, **kwargs)` with the arguments as they came.  When that raises, the
frames of this package are taken out of the traceback, so that an error in the user's function
looks as if Python had run it.
"""

from __future__ import annotations

from typing import Any

from .callable_type import POSITION
from .traceback import hide_frames

FALLBACK = f"""\
@"morula.slow" = external global {{}}
@"morula.hide_frames" = external global {{}}
declare i64 @PyTuple_Size(ptr)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare void @PyErr_Fetch(ptr, ptr, ptr)
declare void @PyErr_NormalizeException(ptr, ptr, ptr)
declare void @PyErr_Restore(ptr, ptr, ptr)
declare void @PyErr_Clear()
declare i32 @PyException_SetTraceback(ptr, ptr)
declare ptr @PyException_GetTraceback(ptr)
declare void @Py_DecRef(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define ptr @morula.fallback(ptr %self, ptr %args, i64 %nargsf, ptr %kwnames) {{
  %n = and i64 %nargsf, {(1 << POSITION) - 1}
  %plain = icmp eq ptr %kwnames, null
  br i1 %plain, label %call, label %keywords
keywords:
  %names = call i64 @PyTuple_Size(ptr %kwnames)
  br label %call
call:
  %nk = phi i64 [ 0, %0 ], [ %names, %keywords ]
  %given = add i64 %n, %nk
  %all = add i64 %given, 1
  %positional = add i64 %n, 1
  %buffer = alloca ptr, i64 %all
  store ptr %self, ptr %buffer
  %rest = getelementptr ptr, ptr %buffer, i64 1
  %bytes = shl i64 %given, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %rest, ptr %args, i64 %bytes, i1 false)
  %r = call ptr @PyObject_Vectorcall(ptr @"morula.slow", ptr %buffer, i64 %positional, ptr %kwnames)
  %failed = icmp eq ptr %r, null
  br i1 %failed, label %hide, label %done
hide:
  call void @morula.hide()
  br label %done
done:
  ret ptr %r
}}

; the traceback of the exception that is set, without our own frames
define internal void @morula.hide() noinline cold {{
  %type = alloca ptr
  %value = alloca ptr
  %trace = alloca ptr
  call void @PyErr_Fetch(ptr %type, ptr %value, ptr %trace)
  call void @PyErr_NormalizeException(ptr %type, ptr %value, ptr %trace)
  %t = load ptr, ptr %type
  %v = load ptr, ptr %value
  %tb = load ptr, ptr %trace
  %bare = icmp eq ptr %tb, null
  br i1 %bare, label %restore, label %ask
ask:
  %set = call i32 @PyException_SetTraceback(ptr %v, ptr %tb)
  %ok = call ptr @PyObject_Vectorcall(ptr @"morula.hide_frames", ptr %value, i64 1, ptr null)
  %bad = icmp eq ptr %ok, null
  br i1 %bad, label %clear, label %replace
clear:
  call void @PyErr_Clear()
  br label %restore
replace:
  call void @Py_DecRef(ptr %ok)
  call void @Py_DecRef(ptr %tb)
  %less = call ptr @PyException_GetTraceback(ptr %v)
  br label %restore
restore:
  %now = phi ptr [ %tb, %0 ], [ %tb, %clear ], [ %less, %replace ]
  call void @PyErr_Restore(ptr %t, ptr %v, ptr %now)
  ret void
}}
"""


def slow(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    """What native code calls when it does not take the arguments."""
    return self._slow(self, *args, **kwargs)


_codes: list[Any] = []


def address() -> int:
    """Address of the vectorcall function above, made when first asked for.

    Without a lock, which a fork could leave locked: two threads may both make it, and both codes
    live for ever.
    """
    if not _codes:
        from .machine import compile

        symbols = {"morula.slow": id(slow), "morula.hide_frames": id(hide_frames)}
        _codes.append(compile(FALLBACK, ("morula.fallback",), symbols))
    return int(_codes[0].addresses["morula.fallback"])
