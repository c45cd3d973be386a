"""Matrix products by BLAS: small ones by loops of our own, others by SciPy's `dgemm` and `dgemv`.

    @morula.gemm(c, a, b, m, n, k, of_a, of_b)      c (m, n) += a (m, k) b (k, n), in C order,
                                                    a or b transposed where its flag says so

BLAS counts columns first: of arrays in C order it sees the transposes, so it is asked for
c' += b' a' (Dongarra et al., A set of level 3 basic linear algebra subprograms, 1990).
"""

from __future__ import annotations

import ctypes
import functools

from .layout import number

SMALL = 16**3  # multiplications that cost no more than the call
BY_MATRIX, BY_VECTOR = "morula.dgemm", "morula.dgemv"

GEMM = f"""
@morula.plain = private constant i8 78
@morula.turned = private constant i8 84
@morula.unit = private constant double {number(1.0)}
@morula.step = private constant i32 1
declare void @{BY_MATRIX}(ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr)
declare void @{BY_VECTOR}(ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr)
define internal void @morula.gemm(ptr noalias %c, ptr %a, ptr %b, i64 %m, i64 %n, i64 %k, i1 %of.a, i1 %of.b) noinline {{
entry:
  %dims = alloca [6 x i32]
  %lda = select i1 %of.a, i64 %m, i64 %k
  %ldb = select i1 %of.b, i64 %k, i64 %n
  %mn = mul i64 %m, %n
  %work = mul i64 %mn, %k
  %small = icmp ule i64 %work, {SMALL}
  %some = icmp ne i64 %work, 0
  br i1 %some, label %choose, label %done
choose:
  %mn.large = or i64 %m, %n
  %any.large = or i64 %mn.large, %k
  %large = icmp ugt i64 %any.large, 2147483647
  %own = or i1 %small, %large
  br i1 %own, label %loops, label %blas
blas:
  %p.n = getelementptr i32, ptr %dims, i64 0
  %p.m = getelementptr i32, ptr %dims, i64 1
  %p.k = getelementptr i32, ptr %dims, i64 2
  %p.a = getelementptr i32, ptr %dims, i64 3
  %p.b = getelementptr i32, ptr %dims, i64 4
  %m.i = trunc i64 %m to i32
  %n.i = trunc i64 %n to i32
  %k.i = trunc i64 %k to i32
  %a.i = trunc i64 %lda to i32
  %b.i = trunc i64 %ldb to i32
  store i32 %n.i, ptr %p.n
  store i32 %m.i, ptr %p.m
  store i32 %k.i, ptr %p.k
  store i32 %a.i, ptr %p.a
  store i32 %b.i, ptr %p.b
  %how.a = select i1 %of.a, ptr @morula.turned, ptr @morula.plain
  %how.b = select i1 %of.b, ptr @morula.turned, ptr @morula.plain
  %one.column = icmp eq i64 %n, 1
  br i1 %one.column, label %vector, label %matrix
vector:
  %how = select i1 %of.a, ptr @morula.plain, ptr @morula.turned
  %p.rows = select i1 %of.a, ptr %p.m, ptr %p.k
  %p.columns = select i1 %of.a, ptr %p.k, ptr %p.m
  call void @{BY_VECTOR}(ptr %how, ptr %p.rows, ptr %p.columns, ptr @morula.unit, ptr %a, ptr %p.a, ptr %b, ptr @morula.step, ptr @morula.unit, ptr %c, ptr @morula.step)
  br label %done
matrix:
  call void @{BY_MATRIX}(ptr %how.b, ptr %how.a, ptr %p.n, ptr %p.m, ptr %p.k, ptr @morula.unit, ptr %b, ptr %p.b, ptr %a, ptr %p.a, ptr @morula.unit, ptr %c, ptr %p.n)
  br label %done
loops:
  %a.row = select i1 %of.a, i64 1, i64 %lda
  %a.column = select i1 %of.a, i64 %lda, i64 1
  %b.row = select i1 %of.b, i64 1, i64 %ldb
  %b.column = select i1 %of.b, i64 %ldb, i64 1
  br label %rows
rows:
  %i = phi i64 [ 0, %loops ], [ %i.next, %row.end ]
  %i.more = icmp slt i64 %i, %m
  br i1 %i.more, label %terms.start, label %done
terms.start:
  %a.i0 = mul i64 %i, %a.row
  %c.i0 = mul i64 %i, %n
  br label %terms
terms:
  %p = phi i64 [ 0, %terms.start ], [ %p.next, %term.end ]
  %p.more = icmp slt i64 %p, %k
  br i1 %p.more, label %columns.start, label %row.end
columns.start:
  %a.p0 = mul i64 %p, %a.column
  %a.at = add i64 %a.i0, %a.p0
  %x.ptr = getelementptr double, ptr %a, i64 %a.at
  %x = load double, ptr %x.ptr
  %b.p0 = mul i64 %p, %b.row
  br label %columns
columns:
  %j = phi i64 [ 0, %columns.start ], [ %j.next, %element ]
  %j.more = icmp slt i64 %j, %n
  br i1 %j.more, label %element, label %term.end
element:
  %b.j0 = mul i64 %j, %b.column
  %b.at = add i64 %b.p0, %b.j0
  %y.ptr = getelementptr double, ptr %b, i64 %b.at
  %y = load double, ptr %y.ptr
  %c.at = add i64 %c.i0, %j
  %z.ptr = getelementptr double, ptr %c, i64 %c.at
  %z = load double, ptr %z.ptr
  %xy = fmul contract double %x, %y
  %sum = fadd contract double %z, %xy
  store double %sum, ptr %z.ptr
  %j.next = add nuw nsw i64 %j, 1
  br label %columns
term.end:
  %p.next = add nuw nsw i64 %p, 1
  br label %terms
row.end:
  %i.next = add nuw nsw i64 %i, 1
  br label %rows
done:
  ret void
}}
"""  # noqa: E501


@functools.cache
def address(function: str) -> int:
    """Where SciPy has a function of BLAS, whose numbers are ints of 32 bits."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[function]
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    found: int = pointer(capsule, name(capsule))
    return found


def symbols(text: str) -> dict[str, int]:
    """What a text needs of BLAS."""
    wanted = (BY_MATRIX, BY_VECTOR) if BY_MATRIX in text else ()
    return {symbol: address(symbol.removeprefix("morula.")) for symbol in wanted}
