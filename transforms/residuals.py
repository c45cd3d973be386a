"""Residuals: what bwd needs of fwd is given, saved, or computed again.

A minimum cut decides, block by block, innermost first.  Each value that bwd reads of a block is
split into an input and an output side; saving it cuts the edge between them (its bytes), and
computing it again cuts its edge to the source (its flops) and demands its operands.  The cheapest
set of values to save is the minimum cut between the source and what bwd demands (Ford and
Fulkerson 1956; by Dinic's algorithm 1970).  Pairwise sums then save nothing, and a Lorenz step its
state only.

A bool or int that depends on floats is computed again only from ops that give the same bits
(`ops.REPEATABLE`), else saved: bwd must take the branches that fwd took.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from ..ir.builder import Builder
from ..ir.core import LOOPS, Block, Loop, Op, Operand, Value, free_values, walk, zero_literal
from ..ir.ops import CHECKED_INT, INF, REPEATABLE, TABLE, effect
from ..ir.types import BOOL, F64, I64, Scalar, history_type

STORE = 16.0  # flops that writing and reading back eight bytes cost
STORE_BOOL = 2.0
SHAPE_ONLY = frozenset({"len", "zeros_like"})


class Residuals:
    """The decisions for one function: `saved[block]` pairs a value with its carrier.

    The carrier lives in the block around: a history where the block is a loop's body, a further
    result of `if` where it is an arm.  `alias` maps an arm's value to its carrier in bwd.
    """

    def __init__(self, body: Block, definer: dict[Value, Op], consumed: set[Value]) -> None:
        self.definer = definer
        self.consumed = consumed
        self.home: dict[Value, Block] = {}
        self.outer: dict[Block, Block] = {}
        self.holder: dict[Block, Op] = {}
        self.saved: dict[Block, list[tuple[Value, Value]]] = {}
        self.trips: dict[Op, Value] = {}
        self.alias: dict[Value, Value] = {}
        self.order: dict[Value, int] = {}
        self.enter(body)
        for op in walk(body):
            for r in op.regions:
                self.holder[r] = op
                self.enter(r)

    def settle(self, v: Value, block: Block) -> None:
        """Note the block that defines v, and v's place in the order of definitions."""
        self.home[v] = block
        self.order[v] = len(self.order)

    def enter(self, block: Block) -> None:
        for v in block.params:
            self.settle(v, block)
        for op in block.ops:
            for v in op.results:
                self.settle(v, block)
            for r in op.regions:
                self.outer[r] = block

    def trip_count(self, op: Op) -> Value:
        """The trip count of a `while`, a result that fwd adds where there is none."""
        trips = Loop(op).trips or self.trips.get(op)
        if trips is None:
            trips = self.trips[op] = Value(I64, "trips")
            self.settle(trips, self.home_of(op))
        return trips

    def home_of(self, op: Op) -> Block:
        return self.outer[op.regions[0]]

    def levels(self, block: Block) -> int:
        """1, and 1 more for each arm from the block to the loop or function around it."""
        n = 1
        while block in self.holder and self.holder[block].opcode == "if":
            block, n = self.outer[block], n + 1
        return n

    def carrier(self, v: Value) -> Value:
        """What stands for v outside the arms that define it."""
        while v in self.alias:
            v = self.alias[v]
        return v

    def save(
        self, b: Builder, block: Block, outs: Sequence[Operand], given: Sequence[Value] = ()
    ) -> list[tuple[Value, Value]]:
        """Decide for a region whose reversal b holds; pairs of value and carrier."""
        loop = self.holder[block].opcode in LOOPS
        pairs = []
        for v in self.resolve(b, block, outs, given):
            name = f"{v.name}.all" if loop and v.name else v.name
            carrier = Value(history_type(v.type) if loop else v.type, name)
            self.settle(carrier, self.outer[block])
            if not loop:
                self.alias[v] = carrier
            pairs.append((v, carrier))
        self.saved[block] = pairs
        return pairs

    def resolve(
        self, b: Builder, block: Block, outs: Sequence[Operand], given: Sequence[Value] = ()
    ) -> list[Value]:
        """The values of the block to save; what is computed again goes to the head of b."""
        have = set(given)

        def mine(v: Operand) -> bool:
            return isinstance(v, Value) and self.home.get(v) is block and v not in have

        read = map(self.carrier, free_values(b.block((), "yield", outs)))
        needed = [v for v in dict.fromkeys(read) if mine(v)]
        if not needed:
            return []
        price = Price(self, block, mine)
        saved, again = minimum_cut(needed, price)
        repeat = {self.definer[v] for v in again}
        b.ops[:0] = [repeated(op) for op in block.ops if op in repeat]
        return sorted(saved, key=lambda v: self.order[v])


class Price:
    """What it costs to save a value of a block, or to compute it again."""

    def __init__(self, residuals: Residuals, block: Block, mine: Callable[[Operand], bool]) -> None:
        self.residuals, self.mine = residuals, mine
        self.levels = residuals.levels(block)
        self.memo: dict[Value, bool] = {}

    def save(self, v: Value) -> float:
        """Each arm around the block hands a saved value on once more."""
        return (STORE_BOOL if v.type == BOOL else STORE) * self.levels

    def again(self, v: Value) -> float:
        r = self.residuals
        op = r.definer.get(v)
        if op is None or op.regions or effect(op) not in ("pure", "partial"):
            return INF
        if op.opcode in ("get", *SHAPE_ONLY) and op.operands[0] in r.consumed:
            return INF
        if v.type != F64 and self.loose(v):
            return INF
        return TABLE[op.opcode].cost

    def operands(self, v: Value) -> list[Value]:
        """What computing v again demands of this block."""
        op = self.residuals.definer[v]
        return [u for u in op.operands if isinstance(u, Value) and self.mine(u)]

    def loose(self, v: Value) -> bool:
        """Whether v depends, within the block, on an op that may differ in its last bit."""
        todo, seen = [v], {v}
        while todo:
            op = self.residuals.definer.get(todo.pop())
            if op is None or op.regions or op.opcode == "call":
                continue
            if op.opcode not in REPEATABLE:
                return True
            for u in self.operands(op.results[0]) if op.results else ():
                if u not in seen:
                    seen.add(u)
                    todo.append(u)
        return False


def repeated(op: Op) -> Op:
    """The op as bwd repeats it: its check has passed in fwd.

    Integer arithmetic has no check beside it, it tests itself; so does its copy, since the
    original may be dead in fwd and be removed.  Where both stand, they are one.
    """
    if effect(op) != "partial" or op.opcode in CHECKED_INT:
        return op
    return op.but(attrs={**op.attrs, "checked": True})


# ---- minimum cut

Node = Hashable
SOURCE, SINK = "source", "sink"


def minimum_cut(demanded: Sequence[Value], price: Price) -> tuple[list[Value], list[Value]]:
    """Values to save and values to compute again, at least cost."""
    network = Network()
    todo, seen = list(demanded), dict.fromkeys(demanded)
    for v in demanded:
        network.edge((v, 1), SINK, INF)
    while todo:
        v = todo.pop()
        cost = price.again(v)
        network.edge((v, 0), (v, 1), price.save(v))
        network.edge(SOURCE, (v, 0), cost)
        if cost < INF:
            for u in price.operands(v):
                network.edge((u, 1), (v, 0), INF)
                if u not in seen:
                    seen[u] = None
                    todo.append(u)
    side = network.source_side()
    saved = [v for v in seen if (v, 0) in side and (v, 1) not in side]
    again = [v for v in seen if (v, 0) not in side]
    return saved, again


class Network:
    """Capacities between nodes; `source_side` is the source's side of a minimum cut."""

    def __init__(self) -> None:
        self.capacity: dict[tuple[Node, Node], float] = {}
        self.neighbours: dict[Node, dict[Node, None]] = {}

    def edge(self, u: Node, v: Node, c: float) -> None:
        self.capacity[u, v] = self.capacity.get((u, v), 0.0) + c
        self.capacity.setdefault((v, u), 0.0)
        self.neighbours.setdefault(u, {})[v] = None
        self.neighbours.setdefault(v, {})[u] = None

    def levels(self) -> dict[Node, int]:
        level: dict[Node, int] = {SOURCE: 0}
        queue: list[Node] = [SOURCE]
        for u in queue:
            for v in self.neighbours.get(u, ()):
                if v not in level and self.capacity[u, v] > 0:
                    level[v] = level[u] + 1
                    queue.append(v)
        return level

    def source_side(self) -> set[Node]:
        while True:
            level = self.levels()
            if SINK not in level:
                return set(level)
            self.augment(level)

    def augment(self, level: dict[Node, int]) -> None:
        """A blocking flow along the level graph, by depth-first search with an own stack."""
        left = {u: list(self.neighbours[u]) for u in level}
        path: list[tuple[Node, Node]] = []
        u: Node = SOURCE
        while True:
            while u != SINK:
                while left.get(u):
                    v = left[u][-1]
                    if self.capacity[u, v] > 0 and level.get(v) == level[u] + 1:
                        break
                    left[u].pop()
                if left.get(u):
                    path.append((u, left[u][-1]))
                    u = left[u][-1]
                elif path:
                    u = path.pop()[0]
                    left[u].pop()
                else:
                    return
            flow = min(self.capacity[e] for e in path)
            assert flow < INF, "a demanded value can be neither saved nor computed again"
            for s, t in path:
                self.capacity[s, t] -= flow
                self.capacity[t, s] += flow
            path, u = [], SOURCE


# ---- fwd


def extended(op: Op, residuals: Residuals) -> Op:
    """An `if` or loop of fwd: the original with the carriers as further results."""
    if op.opcode == "if":
        return extended_branch(op, residuals)
    if op.opcode in LOOPS:
        return extended_loop(op, residuals)
    return op


def extended_branch(op: Op, residuals: Residuals) -> Op:
    pairs = [(r, v, c) for r in op.regions for v, c in residuals.saved.get(r, ())]
    if not pairs:
        return op
    regions = []
    for r in op.regions:
        if r.end.opcode == "unreachable":
            regions.append(r)
            continue
        extra: list[Operand] = []
        made: list[Op] = []
        for owner, v, _ in pairs:
            extra.append(v if owner is r else placeholder(v, made))
        end = r.end.but(operands=r.end.operands + tuple(extra))
        regions.append(Block(r.params, (*r.body, *made, end)))
    results = op.results + tuple(c for _, _, c in pairs)
    return op.but(results=results, regions=tuple(regions))


def placeholder(v: Value, made: list[Op]) -> Operand:
    """What the other arm yields in place of a saved value; nobody reads it."""
    if isinstance(v.type, Scalar):
        return zero_literal(v.type)
    result = Value(v.type)
    made.append(Op("null", (), (result,), {"type": v.type}))
    return result


def extended_loop(op: Op, residuals: Residuals) -> Op:
    loop = Loop(op)
    pairs = residuals.saved.get(loop.body, [])
    trips = loop.trips or residuals.trips.get(op)
    if trips is None and not loop.is_for and pairs:
        trips = Value(I64, "trips")
    if not pairs and trips is loop.trips:
        return op
    end = loop.body.end
    ys = tuple(v for v, _ in pairs)
    groups = (end.groups[0], end.groups[1] + len(ys))
    end = end.but(operands=end.operands + ys, groups=groups)
    body = Block(loop.body.params, (*loop.body.body, end))
    results = op.results[: loop.ncarries + len(loop.ys)] + tuple(c for _, c in pairs)
    results += (trips,) if trips is not None else ()
    return op.but(results=results, regions=(*op.regions[:-1], body))
