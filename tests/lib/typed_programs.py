"""Typed IR to differentiate: each is `@f(x, y)` of two floats with a float result, and arguments.

Together they hold every op with regions, calls of all kinds, arrays and boxes.
"""

from __future__ import annotations

PROGRAMS: dict[str, tuple[str, tuple[float, float]]] = {}


def program(name: str, text: str, *points: float) -> None:
    PROGRAMS[name] = (text.lstrip("\n"), (points[0], points[1]))


program(
    "straight_line",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %0: f64 = mul %x, %y
  %1: f64 = sin %0
  %2: f64 = exp %x
  %3: f64 = div %1, %2
  %4: f64 = mul %3, %0
  return %4
}
""",
    0.7,
    1.3,
)
program(
    "branch",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %c: bool = lt %x, %y
  %r: f64, %q: f64 = if %c {
    %1: f64 = sin %x
    %2: f64 = mul %1, %y
    yield %2, %x
  } else {
    %3: f64 = mul %x, %x
    yield %3, 2.0
  }
  %s: f64 = mul %r, %q
  %t: f64 = mul %s, %r
  return %t
}
""",
    0.7,
    1.3,
)
program(
    "untaken_arms",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %z: f64 = sub %x, %x
  %c: bool = eq %z, 0.0
  %l: f64 = log %z
  %q: f64 = div %l, %z
  %r: f64 = if %c {
    %0: f64 = mul %x, %y
    %1: f64 = mul %0, %x
    yield %1
  } else {
    yield %q
  }
  %m: f64 = max %r, %x
  %w: f64 = sqrt %z
  %n: f64 = select %c, %m, %w
  %e: f64 = mul %n, %n
  return %e
}
""",
    1.7,
    1.3,
)
program(
    "nested_loops",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %s: f64 = for %i: i64 = 0 to 4 by 1
      carry %s.1: f64 = %x {
    %u: f64, %k: i64 = while
        carry %u.1: f64 = %s.1, %k.1: i64 = 0 {
      %c: bool = le %k.1, %i
      test %c
    } do {
      %1: f64 = mul %u.1, %y
      %2: f64 = sin %1
      %3: f64 = add %2, %x
      %4: i64 = add %k.1, 1
      next %3, %4
    }
    %c2: bool = lt %u, 1.1
    %v: f64 = if %c2 {
      %5: f64 = exp %u
      %6: f64 = mul %5, 0.5
      yield %6
    } else {
      %7: f64 = cos %u
      yield %7
    }
    %8: f64 = mul %v, %s.1
    %9: f64 = add %8, 0.3
    next %9
  }
  return %s
}
""",
    0.7,
    1.3,
)
program(
    "recursion",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %0: f64 = call @g(%x, %y, 4)
  return %0
}
fn @g(%x: f64, %y: f64, %n: i64) -> f64 {
  %c: bool = lt %n, 2
  %r: f64 = if %c {
    %z: f64 = mul %x, %y
    yield %z
  } else {
    %m: i64 = sub %n, 1
    %a: f64 = call @g(%x, %y, %m)
    %m2: i64 = sub %n, 2
    %b: f64 = sin %a
    %b2: f64 = call @g(%b, %y, %m2)
    %d: f64 = mul %b2, %a
    %e: f64 = add %d, 0.5
    yield %e
  }
  return %r
}
""",
    0.7,
    1.3,
)
program(
    "mutual_recursion",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %0: f64 = call @a(%x, %y, 5)
  return %0
}
fn @a(%x: f64, %y: f64, %n: i64) -> f64 {
  %c: bool = le %n, 0
  %r: f64 = if %c {
    yield %x
  } else {
    %m: i64 = sub %n, 1
    %s: f64 = sin %x
    %v: f64 = call @b(%s, %y, %m)
    %w: f64 = mul %v, %x
    yield %w
  }
  return %r
}
fn @b(%x: f64, %y: f64, %n: i64) -> f64 {
  %c: bool = le %n, 0
  %r: f64 = if %c {
    yield %y
  } else {
    %m: i64 = sub %n, 1
    %s: f64 = add %x, %y
    %v: f64 = call @a(%s, %y, %m)
    %w: f64 = mul %v, %v
    yield %w
  }
  return %r
}
""",
    0.7,
    1.3,
)
program(
    "arrays_in_loops",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %n: i64 = add 3, 1
  %a.0: f64[1] = zeros %n
  %a: f64[1] = for %i: i64 = 0 to %n by 1
      carry %a.1: f64[1] = %a.0 {
    %1: f64 = convert %i {to = f64}
    %2: f64 = mul %1, %x
    %3: f64 = sin %2
    %4: f64[1] = set %a.1, %i, %3
    %5: f64[1] = add_at %4, 0, %y
    next %5
  }
  %s: f64, %j: i64 = while
      carry %s.1: f64 = %y, %j.1: i64 = 0 {
    %c: bool = lt %j.1, %n
    test %c
  } do {
    %6: f64 = get %a, %j.1
    %7: f64 = mul %6, %s.1
    %8: f64 = add %7, %6
    %9: i64 = add %j.1, 1
    next %8, %9
  }
  return %s
}
""",
    0.7,
    1.3,
)
program(
    "arrays_read_in_nested_loops",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %z: f64[1] = zeros 4
  %a: f64[1] = for %i: i64 = 0 to 4
      carry %a.1: f64[1] = %z {
    %0: f64 = convert %i {to = f64}
    %1: f64 = mul %0, %x
    %2: f64 = add %1, %y
    %3: f64[1] = set %a.1, %i, %2
    next %3
  }
  %e: f64 = call @energy(%a, %a)
  %g: f64 = get %a, 2
  %r: f64 = mul %e, %g
  return %r
}
fn @energy(%a: f64[1], %b: f64[1]) -> f64 {
  %n: i64 = len %a
  %s: f64 = for %i: i64 = 0 to %n
      carry %s.1: f64 = 0.0 {
    %t: f64 = for %j: i64 = 0 to %i
        carry %t.1: f64 = %s.1 {
      %p: f64 = get %a, %i
      %q: f64 = get %b, %j
      %0: f64 = mul %p, %q
      %d: f64 = sub %0, %p
      %1: f64 = mul %d, %d
      %2: f64 = add %t.1, %1
      next %2
    }
    next %t
  }
  return %s
}
""",
    0.7,
    0.3,
)
program(
    "arrays_overwritten",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %z: f64[1] = zeros 3
  %a: f64[1] = set %z, 1, %x
  %b: f64[1] = call @g(%a, %y)
  %c: bool = lt %x, %y
  %d: f64[1] = if %c {
    %u: f64 = get %b, 1
    %v: f64 = exp %u
    %0: f64[1] = set %b, 1, %v
    yield %0
  } else {
    yield %a
  }
  %p: f64 = get %a, 1
  %q: f64 = get %d, 1
  %w: f64 = get %d, 2
  %r: f64 = mul %p, %q
  %s: f64 = mul %r, %w
  return %s
}
fn @g(%a: f64[1], %y: f64) -> f64[1] {
  %u: f64 = get %a, 1
  %v: f64 = mul %u, %y
  %b: f64[1] = set %a, 1, %v
  %c: f64[1] = add_at %b, 2, %u
  %d: f64[1] = add_at %c, 2, %y
  return %d
}
""",
    0.7,
    1.3,
)
program(
    "early_return",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %stop: bool, %i: i64, %s: f64, %r: f64 = while
      carry %stop.1: bool = false, %i.1: i64 = 0, %s.1: f64 = %x, %r.1: f64 = 0.0 {
    %0: bool = if %stop.1 {
      yield false
    } else {
      %1: bool = lt %i.1, 9
      yield %1
    }
    test %0
  } do {
    %2: f64 = mul %s.1, %y
    %3: f64 = add %2, 0.1
    %4: bool = gt %3, 2.5
    %r.2: f64 = if %4 {
      %5: f64 = sin %3
      %6: f64 = mul %5, %x
      yield %6
    } else {
      yield %r.1
    }
    %7: i64 = add %i.1, 1
    next %4, %7, %3, %r.2
  }
  %q: f64 = if %stop {
    %8: f64 = mul %r, %s
    yield %8
  } else {
    yield %s
  }
  return %q
}
""",
    0.7,
    1.3,
)
program(
    "zero_trips",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %a: f64; %h: f64[1] = for %i: i64 = 0 to 0
      carry %a.1: f64 = %x {
    %0: f64 = mul %a.1, %y
    %1: f64 = log %0
    next %1; %0
  }
  %c: f64 = while
      carry %c.1: f64 = %y {
    %2: bool = lt %c.1, 0.0
    test %2
  } do {
    %3: f64 = sqrt %c.1
    next %3
  }
  %d: f64 = for reversed %j: i64 = 0 to 0
      carry %d.1: f64 = %a
      each %u: f64 of %h {
    %4: f64 = div %d.1, %u
    next %4
  }
  %e: f64 = mul %a, %c
  %g: f64 = mul %e, %d
  return %g
}
""",
    0.7,
    1.3,
)
program(
    "histories",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %s: f64; %h: f64[1], %g: f64[1] = for %i: i64 = 0 to 7 by 2
      carry %s.1: f64 = %x {
    %0: f64 = mul %s.1, %y
    %1: f64 = sin %0
    next %1; %s.1, %0
  }
  %t: f64; %b: f64[1] = for reversed %j: i64 = 0 to 7 by 2
      carry %t.1: f64 = %s
      each %u: f64 of %h, %v: f64 of %g {
    %2: f64 = mul %t.1, %u
    %3: f64 = add %2, %v
    next %3; %2
  }
  %4: f64 = get %b, 1
  %5: f64 = mul %4, %t
  return %5
}
""",
    0.7,
    1.3,
)
program(
    "counted_trips",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %u: f64; %h: f64[1], %trips: i64 = while
      carry %u.1: f64 = %x {
    %0: f64 = mul %u.1, %u.1
    %1: bool = lt %0, 20.0
    test %1
  } do {
    %2: f64 = mul %u.1, %y
    %3: f64 = add %2, %x
    next %3; %2
  }
  %s: f64 = for %k: i64 = 0 to %trips
      carry %s.1: f64 = 1.0
      each %e: f64 of %h {
    %4: f64 = mul %s.1, %e
    %5: f64 = add %4, 0.2
    next %5
  }
  %6: f64 = mul %s, %u
  return %6
}
""",
    0.7,
    1.3,
)
program(
    "swapped_carries",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %a: f64, %b: f64, %n: i64 = for %i: i64 = 5 to 0 by -1
      carry %a.1: f64 = %x, %b.1: f64 = %y, %n.1: i64 = 1 {
    %0: f64 = convert %n.1 {to = f64}
    %1: f64 = mul %a.1, %0
    %2: f64 = sin %1
    %3: i64 = mul %n.1, 2
    next %b.1, %2, %3
  }
  %4: f64 = convert %n {to = f64}
  %5: f64 = div %4, 10.0
  %6: f64 = mul %a, %5
  %7: f64 = add %6, %b
  return %7
}
""",
    0.7,
    1.3,
)
program(
    "captures",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %0: f64 = call @g [%x](%y, 3)
  %1: f64 = call @g [%y](%0, 2)
  %2: f64 = call @h(%1, 2.0)
  return %2
}
fn @g [%a: f64](%s: f64, %n: i64) -> f64 {
  %t: f64 = for %i: i64 = 0 to %n
      carry %t.1: f64 = %s {
    %0: f64 = call @h(%t.1, %a)
    next %0
  }
  return %t
}
fn @h(%p: f64, %q: f64) -> f64 {
  %0: f64 = mul %p, %q
  %1: f64 = cos %0
  return %1
}
""",
    0.7,
    1.3,
)
program(
    "boxes",
    """
record @pair = (f64, i64)
fn @f(%x: f64, %y: f64) -> f64 {
  %0: f64 = mul %x, %y
  %b: box<@pair> = box %0, 3 {record = @pair}
  %c: bool = lt %x, %y
  %d: box<@pair> = if %c {
    %p: f64, %n: i64 = unbox %b
    %1: f64 = sin %p
    %2: box<@pair> = box %1, %n {record = @pair}
    yield %2
  } else {
    yield %b
  }
  %q: f64, %m: i64 = unbox %d
  %3: f64 = convert %m {to = f64}
  %4: f64 = mul %q, %3
  %5: f64 = mul %4, %x
  return %5
}
""",
    0.7,
    1.3,
)
program(
    "a_linked_list",
    """
record @node = (f64, box<@node>)
fn @f(%x: f64, %y: f64) -> f64 {
  %nil: box<@node> = null {type = box<@node>}
  %list: box<@node>, %v: f64 = for %i: i64 = 0 to 4
      carry %list.1: box<@node> = %nil, %v.1: f64 = %x {
    %0: f64 = mul %v.1, %y
    %1: f64 = sin %0
    %2: box<@node> = box %1, %list.1 {record = @node}
    next %2, %0
  }
  %r: f64 = call @product(%list)
  return %r
}
fn @product(%list: box<@node>) -> f64 {
  %end: bool = is_null %list
  %r: f64 = if %end {
    yield 1.0
  } else {
    %v: f64, %rest: box<@node> = unbox %list
    %0: f64 = call @product(%rest)
    %1: f64 = mul %v, %0
    %2: f64 = add %1, %v
    yield %2
  }
  return %r
}
""",
    0.7,
    1.3,
)
program(
    "checks_and_ints",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %n: i64 = convert %y {to = i64}
  %m: i64 = add %n, 2
  %s: f64 = for %i: i64 = 0 to %m
      carry %s.1: f64 = %x {
    %d: i64 = add %i, 1
    %c: bool = ne %d, 0
    check %c {error = "ZeroDivisionError", text = "integer division or modulo by zero"}
    %q: i64 = floordiv 7, %d
    %k: f64 = convert %q {to = f64}
    %0: f64 = mul %s.1, %k
    %1: f64 = mul %0, %y
    %2: f64 = tanh %1
    next %2
  }
  return %s
}
""",
    0.7,
    1.3,
)
program(
    "loops_in_arms",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %c: bool = lt %x, %y
  %s: f64 = if %c {
    %s.1: f64 = for %i: i64 = 0 to 3
        carry %s.2: f64 = %x {
      %r: i64 = mod %i, 2
      %d: bool = eq %r, 0
      %v: f64 = if %d {
        %t: f64 = for %j: i64 = 0 to 2
            carry %t.1: f64 = %s.2 {
          %u: f64 = for %k: i64 = 0 to %i
              carry %u.1: f64 = %t.1 {
            %1: f64 = mul %u.1, %y
            %2: f64 = sin %1
            next %2
          }
          %3: f64 = mul %u, %t.1
          next %3
        }
        yield %t
      } else {
        %4: f64 = mul %s.2, %x
        yield %4
      }
      %5: f64 = add %v, 0.4
      next %5
    }
    yield %s.1
  } else {
    yield %y
  }
  %6: f64 = mul %s, %s
  return %6
}
""",
    0.7,
    1.3,
)
program(
    "loops_in_recursion_in_loops",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %s: f64 = for %i: i64 = 0 to 2
      carry %s.1: f64 = %x {
    %m: i64 = add %i, 1
    %0: f64 = call @g(%s.1, %y, %m)
    %1: f64 = mul %0, %s.1
    next %1
  }
  return %s
}
fn @g(%x: f64, %y: f64, %n: i64) -> f64 {
  %c: bool = lt %n, 1
  %r: f64 = if %c {
    yield %y
  } else {
    %t: f64 = for %k: i64 = 0 to %n
        carry %t.1: f64 = %x {
      %0: f64 = mul %t.1, %y
      %1: f64 = sin %0
      %2: f64 = add %1, %x
      next %2
    }
    %m: i64 = sub %n, 1
    %3: f64 = call @g(%t, %y, %m)
    %4: f64 = mul %3, %t
    yield %4
  }
  return %r
}
""",
    0.7,
    1.3,
)
program(
    "arrays_in_recursion",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %z: f64[1] = zeros 3
  %a: f64[1] = set %z, 0, %x
  %b: f64[1] = call @fill(%a, %y, 1)
  %p: f64 = get %b, 1
  %q: f64 = get %b, 2
  %r: f64 = get %a, 0
  %0: f64 = mul %p, %q
  %1: f64 = mul %0, %r
  return %1
}
fn @fill(%a: f64[1], %y: f64, %n: i64) -> f64[1] {
  %end: bool = ge %n, 3
  %r: f64[1] = if %end {
    yield %a
  } else {
    %m: i64 = sub %n, 1
    %u: f64 = get %a, %m
    %v: f64 = mul %u, %y
    %w: f64 = sin %v
    %b: f64[1] = set %a, %n, %w
    %c: f64[1] = add_at %b, %m, %w
    %k: i64 = add %n, 1
    %d: f64[1] = call @fill(%c, %v, %k)
    yield %d
  }
  return %r
}
""",
    0.7,
    1.3,
)
program(
    "an_array_carried_by_a_while",
    """
fn @f(%x: f64, %y: f64) -> f64 {
  %z: f64[1] = zeros 2
  %a: f64[1] = set %z, 0, %x
  %b: f64[1], %n: i64 = while
      carry %b.1: f64[1] = %a, %n.1: i64 = 0 {
    %u: f64 = get %b.1, 0
    %c: bool = lt %u, 3.0
    test %c
  } do {
    %v: f64 = get %b.1, 0
    %w: f64 = get %b.1, 1
    %0: f64 = mul %v, %y
    %1: f64 = add %0, 0.3
    %d: f64[1] = set %b.1, 0, %1
    %i: bool = gt %v, 1.5
    %e: f64[1] = if %i {
      %2: f64 = mul %w, %v
      %g: f64[1] = set %d, 1, %2
      yield %g
    } else {
      %h: f64[1] = add_at %d, 1, %v
      yield %h
    }
    %k: i64 = add %n.1, 1
    next %e, %k
  }
  %p: f64 = get %b, 0
  %q: f64 = get %b, 1
  %r: f64 = mul %p, %q
  return %r
}
""",
    0.7,
    1.3,
)
