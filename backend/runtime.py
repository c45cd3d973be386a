"""What native code needs at run time: the context and its arena.

Residuals, histories, arrays and boxes live in an arena, a chain of chunks in which allocation is
a bump of `cursor`.  `mark` and `release` (a stack discipline) take back what a call or a loop body
made; when an entry call ends, `reset` takes back all and keeps one warm chunk as large as what was
needed, so the next call finds its memory paged in (allocating per loop was 3 to 20 times slower).

    Context   cursor, end       the free part of the newest chunk
              chunk             its header: { previous, malloc's pointer, bytes, - }, then the bytes
              stack_limit       recursive functions raise RecursionError below this address
              poll              iterations until signals are looked at
              site              the check that failed
              reserve           a chunk taken back by `release`, kept for the next need
"""

from __future__ import annotations

import ctypes
import threading

CTX = "%morula.ctx"
FIELDS = {
    n: k for k, n in enumerate(("cursor", "end", "chunk", "stack_limit", "poll", "site", "reserve"))
}
POLL = 16384  # iterations between two looks at signals
HEADER = 64  # bytes before a chunk's payload, which is aligned to 64, too
FIRST = 1 << 16  # bytes of the first chunk
DOUBLED = 1 << 28  # chunks double up to here
WARM = 1 << 30  # a larger arena is given back to the system when the call ends
LARGEST = 1 << 44  # more elements than any machine holds: a size in bytes cannot overflow


class Context(ctypes.Structure):
    """ctx as Python sees it."""

    _fields_ = [
        ("cursor", ctypes.c_void_p),
        ("end", ctypes.c_void_p),
        ("chunk", ctypes.c_void_p),
        ("stack_limit", ctypes.c_int64),
        ("poll", ctypes.c_int64),
        ("site", ctypes.c_int64),
        ("reserve", ctypes.c_void_p),
    ]


def _field(name: str) -> str:
    return f"getelementptr inbounds {CTX}, ptr %ctx, i32 0, i32 {FIELDS[name]}"


PRELUDE = f"""\
{CTX} = type {{ ptr, ptr, ptr, i64, i64, i64, ptr }}
%morula.chunk = type {{ ptr, ptr, i64, i64, i64, i64, i64, i64 }}
declare noalias ptr @malloc(i64)
declare void @free(ptr)
declare i32 @PyErr_CheckSignals()
declare ptr @llvm.addressofreturnaddress.p0()
declare i64 @llvm.umin.i64(i64, i64)
declare void @llvm.memcpy.p0.p0.i64(ptr noalias, ptr noalias, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.experimental.noalias.scope.decl(metadata)
"""

# The functions below are internal and small; LLVM drops those that a module does not use.
FUNCTIONS = f"""\
; n elements of so many bytes, aligned to 64; null where there is no memory
define internal ptr @morula.alloc(ptr noalias %ctx, i64 %n, i64 %size) alwaysinline {{
  %cursor.at = {_field("cursor")}
  %end.at = {_field("end")}
  %cursor = load ptr, ptr %cursor.at
  %end = load ptr, ptr %end.at
  %sane = icmp ule i64 %n, {LARGEST}
  %bytes = mul i64 %n, %size
  %from = ptrtoint ptr %cursor to i64
  %limit = ptrtoint ptr %end to i64
  %from.63 = add i64 %from, 63
  %start = and i64 %from.63, -64
  %stop = add i64 %start, %bytes
  %fits = icmp ult i64 %stop, %limit
  %fine = and i1 %sane, %fits
  br i1 %fine, label %fast, label %slow, !prof !0
fast:
  %gap = sub i64 %start, %from
  %p = getelementptr i8, ptr %cursor, i64 %gap
  %next = getelementptr i8, ptr %p, i64 %bytes
  store ptr %next, ptr %cursor.at
  ret ptr %p
slow:
  %q = call ptr @morula.grow(ptr %ctx, i64 %n, i64 %size)
  ret ptr %q
}}

; a chunk of at least n * size bytes, of which these are taken
define internal ptr @morula.grow(ptr noalias %ctx, i64 %n, i64 %size) noinline cold {{
  %sane = icmp ule i64 %n, {LARGEST}
  br i1 %sane, label %measure, label %none
measure:
  %bytes.n = mul i64 %n, %size
  %bytes.up = add i64 %bytes.n, 63
  %bytes = and i64 %bytes.up, -64
  %chunk.at = {_field("chunk")}
  %cursor.at = {_field("cursor")}
  %end.at = {_field("end")}
  %reserve.at = {_field("reserve")}
  %last = load ptr, ptr %chunk.at
  %spare = load ptr, ptr %reserve.at
  %no.spare = icmp eq ptr %spare, null
  br i1 %no.spare, label %size.new, label %try
try:
  %spare.size.at = getelementptr inbounds %morula.chunk, ptr %spare, i32 0, i32 2
  %spare.size = load i64, ptr %spare.size.at
  %enough = icmp uge i64 %spare.size, %bytes
  br i1 %enough, label %reuse, label %size.new
reuse:
  store ptr null, ptr %reserve.at
  br label %link
size.new:
  %first = icmp eq ptr %last, null
  br i1 %first, label %make, label %double
double:
  %last.size.at = getelementptr inbounds %morula.chunk, ptr %last, i32 0, i32 2
  %last.size = load i64, ptr %last.size.at
  %last.twice = shl i64 %last.size, 1
  %twice = call i64 @llvm.umin.i64(i64 %last.twice, i64 {DOUBLED})
  br label %make
make:
  %least = phi i64 [ {FIRST}, %size.new ], [ %twice, %double ]
  %larger = icmp ugt i64 %bytes, %least
  %payload = select i1 %larger, i64 %bytes, i64 %least
  %all = add i64 %payload, {HEADER + 63}
  %raw = call ptr @malloc(i64 %all)
  %failed = icmp eq ptr %raw, null
  br i1 %failed, label %none, label %fill
fill:
  %raw.i = ptrtoint ptr %raw to i64
  %raw.63 = add i64 %raw.i, 63
  %raw.up = and i64 %raw.63, -64
  %shift = sub i64 %raw.up, %raw.i
  %fresh = getelementptr i8, ptr %raw, i64 %shift
  %raw.at = getelementptr inbounds %morula.chunk, ptr %fresh, i32 0, i32 1
  store ptr %raw, ptr %raw.at
  %size.at = getelementptr inbounds %morula.chunk, ptr %fresh, i32 0, i32 2
  store i64 %payload, ptr %size.at
  br label %link
link:
  %chunk = phi ptr [ %spare, %reuse ], [ %fresh, %fill ]
  store ptr %last, ptr %chunk
  store ptr %chunk, ptr %chunk.at
  %chunk.size.at = getelementptr inbounds %morula.chunk, ptr %chunk, i32 0, i32 2
  %chunk.size = load i64, ptr %chunk.size.at
  %p = getelementptr i8, ptr %chunk, i64 {HEADER}
  %end = getelementptr i8, ptr %p, i64 %chunk.size
  store ptr %end, ptr %end.at
  %next = getelementptr i8, ptr %p, i64 %bytes
  store ptr %next, ptr %cursor.at
  ret ptr %p
none:
  ret ptr null
}}

; back to a mark: what was made since is gone
define internal void @morula.release(ptr noalias %ctx, ptr %cursor, ptr %mark) alwaysinline {{
  %chunk.at = {_field("chunk")}
  %chunk = load ptr, ptr %chunk.at
  %same = icmp eq ptr %chunk, %mark
  br i1 %same, label %fast, label %slow, !prof !0
fast:
  %cursor.at = {_field("cursor")}
  store ptr %cursor, ptr %cursor.at
  ret void
slow:
  call void @morula.unwind(ptr %ctx, ptr %cursor, ptr %mark)
  ret void
}}

; drop the chunks newer than a mark, keeping the newest, which is the largest, in reserve
define internal void @morula.unwind(ptr noalias %ctx, ptr %cursor, ptr %mark) noinline cold {{
  %chunk.at = {_field("chunk")}
  %cursor.at = {_field("cursor")}
  %end.at = {_field("end")}
  %reserve.at = {_field("reserve")}
  %newest = load ptr, ptr %chunk.at
  %old = load ptr, ptr %reserve.at
  %none = icmp eq ptr %old, null
  br i1 %none, label %keep, label %drop.old
drop.old:
  %old.raw.at = getelementptr inbounds %morula.chunk, ptr %old, i32 0, i32 1
  %old.raw = load ptr, ptr %old.raw.at
  call void @free(ptr %old.raw)
  br label %keep
keep:
  store ptr %newest, ptr %reserve.at
  %second = load ptr, ptr %newest
  br label %next
next:
  %c = phi ptr [ %second, %keep ], [ %before, %drop ]
  %reached = icmp eq ptr %c, %mark
  br i1 %reached, label %set, label %drop
drop:
  %before = load ptr, ptr %c
  %raw.at = getelementptr inbounds %morula.chunk, ptr %c, i32 0, i32 1
  %raw = load ptr, ptr %raw.at
  call void @free(ptr %raw)
  br label %next
set:
  store ptr %mark, ptr %chunk.at
  store ptr %cursor, ptr %cursor.at
  %empty = icmp eq ptr %mark, null
  br i1 %empty, label %no.end, label %find.end
no.end:
  store ptr null, ptr %end.at
  ret void
find.end:
  %size.at = getelementptr inbounds %morula.chunk, ptr %mark, i32 0, i32 2
  %size = load i64, ptr %size.at
  %p = getelementptr i8, ptr %mark, i64 {HEADER}
  %end = getelementptr i8, ptr %p, i64 %size
  store ptr %end, ptr %end.at
  ret void
}}

; a history twice as long: its elements so far, then as many free places
define internal ptr @morula.regrow(ptr noalias %ctx, ptr %old, i64 %n, i64 %size) noinline cold {{
  %twice = shl i64 %n, 1
  %p = call ptr @morula.alloc(ptr %ctx, i64 %twice, i64 %size)
  %failed = icmp eq ptr %p, null
  br i1 %failed, label %done, label %copy
copy:
  %bytes = mul i64 %n, %size
  call void @llvm.memcpy.p0.p0.i64(ptr %p, ptr %old, i64 %bytes, i1 false)
  br label %done
done:
  ret ptr %p
}}

; take back all: the end of an entry call
define internal void @morula.reset(ptr noalias %ctx) alwaysinline {{
  %chunk.at = {_field("chunk")}
  %reserve.at = {_field("reserve")}
  %chunk = load ptr, ptr %chunk.at
  %reserve = load ptr, ptr %reserve.at
  %some = icmp ne ptr %chunk, null
  %no.reserve = icmp eq ptr %reserve, null
  %simple = and i1 %some, %no.reserve
  br i1 %simple, label %one, label %other, !prof !0
one:
  %before = load ptr, ptr %chunk
  %alone = icmp eq ptr %before, null
  br i1 %alone, label %fast, label %other, !prof !0
fast:
  %cursor.at = {_field("cursor")}
  %p = getelementptr i8, ptr %chunk, i64 {HEADER}
  store ptr %p, ptr %cursor.at
  ret void
other:
  call void @morula.gather(ptr %ctx)
  ret void
}}

; free all chunks, then make one as large as they were, unless that is very much
define internal void @morula.gather(ptr noalias %ctx) noinline cold {{
entry:
  %chunk.at = {_field("chunk")}
  %cursor.at = {_field("cursor")}
  %end.at = {_field("end")}
  %reserve.at = {_field("reserve")}
  %newest = load ptr, ptr %chunk.at
  %reserve = load ptr, ptr %reserve.at
  %none = icmp eq ptr %reserve, null
  br i1 %none, label %next, label %spare
spare:
  %spare.raw.at = getelementptr inbounds %morula.chunk, ptr %reserve, i32 0, i32 1
  %spare.raw = load ptr, ptr %spare.raw.at
  call void @free(ptr %spare.raw)
  br label %next
next:
  %c = phi ptr [ %newest, %entry ], [ %newest, %spare ], [ %before, %drop ]
  %total = phi i64 [ 0, %entry ], [ 0, %spare ], [ %more, %drop ]
  %done = icmp eq ptr %c, null
  br i1 %done, label %clear, label %drop
drop:
  %before = load ptr, ptr %c
  %size.at = getelementptr inbounds %morula.chunk, ptr %c, i32 0, i32 2
  %size = load i64, ptr %size.at
  %more = add i64 %total, %size
  %raw.at = getelementptr inbounds %morula.chunk, ptr %c, i32 0, i32 1
  %raw = load ptr, ptr %raw.at
  call void @free(ptr %raw)
  br label %next
clear:
  store ptr null, ptr %chunk.at
  store ptr null, ptr %cursor.at
  store ptr null, ptr %end.at
  store ptr null, ptr %reserve.at
  %empty = icmp eq i64 %total, 0
  %much = icmp ugt i64 %total, {WARM}
  %stop = or i1 %empty, %much
  br i1 %stop, label %end, label %make
make:
  %got = call ptr @morula.grow(ptr %ctx, i64 %total, i64 1)
  store ptr %got, ptr %cursor.at
  br label %end
end:
  ret void
}}

; look at signals; 0, or 2 where a handler raised
define internal i32 @morula.poll(ptr noalias %ctx) noinline cold {{
  %poll.at = {_field("poll")}
  store i64 {POLL}, ptr %poll.at
  %r = call i32 @PyErr_CheckSignals()
  %fine = icmp eq i32 %r, 0
  %status = select i1 %fine, i32 0, i32 2
  ret i32 %status
}}
"""

# ---- Python's side -----------------------------------------------------------------------------

_libc = ctypes.CDLL(None)
_malloc, _free = _libc.malloc, _libc.free
_malloc.restype, _malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
_free.restype, _free.argtypes = None, [ctypes.c_void_p]
STACK_SPARE = 256 * 1024  # left below the limit, for cold paths, libm and Python itself


def new_context() -> Context:
    """A context with an empty arena, for the current thread."""
    ctx = Context()
    ctx.poll = POLL
    ctx.stack_limit = stack_limit()
    return ctx


def _chunk(address: int) -> tuple[int | None, int, int]:
    """The header of a chunk: the chunk before it, malloc's pointer, bytes."""
    words = (ctypes.c_size_t * 3).from_address(address)
    return words[0] or None, words[1], words[2]


def reset(ctx: Context) -> None:
    """Take back all that the arena holds; keep one warm chunk as large as all was."""
    chunk, total, count = ctx.chunk, 0, 0
    while chunk:
        chunk, _, size = _chunk(chunk)
        total, count = total + size, count + 1
    if count == 1 and not ctx.reserve and total <= WARM:
        ctx.cursor = (ctx.chunk or 0) + HEADER
        return
    if ctx.reserve:
        total = max(total, _chunk(ctx.reserve)[2])
    free(ctx)
    if not 0 < total <= WARM:
        return
    raw = _malloc(total + HEADER + 63)
    if raw:
        at = (raw + 63) & -64
        words = (ctypes.c_size_t * 3).from_address(at)
        words[0], words[1], words[2] = 0, raw, total
        ctx.chunk, ctx.cursor, ctx.end = at, at + HEADER, at + HEADER + total


def free(ctx: Context) -> None:
    """Give the arena's memory back to the system."""
    for first in (ctx.chunk, ctx.reserve):
        chunk = first
        while chunk:
            before, raw, _ = _chunk(chunk)
            _free(raw)
            chunk = before if first == ctx.chunk else None
    ctx.chunk = ctx.cursor = ctx.end = ctx.reserve = None


_thread = threading.local()


def stack_limit() -> int:
    """The lowest address to which the current thread's stack may grow, with some to spare."""
    limit: int | None = getattr(_thread, "limit", None)
    if limit is None:
        limit = _thread.limit = _stack_limit()  # slow: the system reads its own tables
    return limit


def _stack_limit() -> int:
    """As above; 0, which switches the test off, where the system does not say."""
    try:
        self, attributes = _libc.pthread_self, _libc.pthread_getattr_np
    except AttributeError:
        return 0
    self.restype = ctypes.c_void_p
    attr = ctypes.create_string_buffer(128)
    low, size = ctypes.c_void_p(), ctypes.c_size_t()
    if attributes(ctypes.c_void_p(self()), attr):
        return 0
    _libc.pthread_attr_getstack(attr, ctypes.byref(low), ctypes.byref(size))
    _libc.pthread_attr_destroy(attr)
    return (low.value or 0) + min(STACK_SPARE, size.value // 4)
