"""What an expression costs at most, told from its syntax tree and from how much it is asked over.

The CEL library limits iterations, not what one of them does: ``l.map(x, x + x)`` again and again doubles a
value each time, and comparing a long list once an iteration is as bad. So each expression gets a bound on the
elements it touches, as a function of the size of what it sees, and from that a greatest size; the tree is the
library's own, decoded from the protocol buffers in which it gives it (cel/expr/syntax.proto).
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

COST_MAX: Final = 100_000_000  # elements touched; comparing one takes the library some 30 ns
_JOINING: Final = 10  # how much more an element costs that is copied
_ITERATIONS_MAX: Final = 10_000  # the library's own budget for a whole evaluation
_TEXT: Final = 32  # characters that count as one element
SIZES: Final = tuple(2**power for power in range(1, 31))  # what is tried

_Fields = Mapping[int, list[Any]]
_Size = tuple[int, int]  # elements at any depth; elements of the value itself
_ONE: Final[_Size] = (1, 1)
_GATHERED: Final[_Size] = (0, 0)  # nothing else has no elements
_COMPARES: Final = ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_")
_GIVES_ONE: Final = (
    "_&&_", "_||_", "!_", "@not_strictly_false", "size",
    "_-_", "_*_", "_/_", "_%_", "-_",  # of numbers and instants alone
)  # fmt: skip
Path = tuple[str, ...]


class Cost:
    """A bound on what one expression touches, by the size of what it sees."""

    def __init__(self, serialized: bytes) -> None:
        """Decode the expression; `serialized` is what the library gives."""
        checked = _message(_message(serialized)[2][0])
        self._tree = _message(checked[4][0])
        self.paths: dict[Path, None] = dict.fromkeys(_paths(self._tree, ()))

    def size_max(self) -> int | None:
        """Return the greatest size of what it may be asked over; None: any. 0: it may not be asked at all."""
        if self.of(SIZES[-1]) <= COST_MAX:
            return None
        return next((size for size in reversed(SIZES) if self.of(size) <= COST_MAX), 0)

    def of(self, size: int) -> int:
        """Return the cost over values of so many elements."""
        walk = _Walk(size)
        walk.size(self._tree, {}, 1)
        return walk.cost


def exceeds_size(values: Mapping[str, Any], paths: Mapping[Path, None], size_max: int) -> bool:
    """Tell whether what an expression sees of `values` has more than so many elements."""
    left = size_max
    waiting = [_at(values, path) for path in paths]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            left -= len(part) // _TEXT
        elif isinstance(part, Mapping):
            left -= len(part)
            waiting.extend(part.values())
        elif isinstance(part, (list, tuple)):
            left -= len(part)
            waiting.extend(part)
        left -= 1
        if left < 0:
            return True
    return False


class _Walk:
    """Goes once through a tree, and adds up what is touched."""

    def __init__(self, size: int) -> None:
        self.cost = 0
        self._seen: _Size = (size, size)

    def size(self, node: _Fields, known: Mapping[str, _Size], runs: int) -> _Size:
        """Return how large what a node gives can be; count what it touches in `runs` evaluations."""
        if 3 in node:
            return (len(_constant(node)) // _TEXT + 1,) * 2
        if 4 in node:
            return known.get(_text(_message(node[4][0])[1][0]), self._seen)
        if 5 in node:
            return _deep(self.size(_message(_message(node[5][0])[1][0]), known, runs))
        if 6 in node:
            return self._call(_message(node[6][0]), known, runs)
        if 9 in node:
            return self._comprehension(_message(node[9][0]), known, runs)
        parts = [self.size(part, known, runs)[0] for part in _children(node)]
        self.cost += runs * (len(parts) + 1)
        return sum(parts) + 1, len(parts)

    def _call(self, call: _Fields, known: Mapping[str, _Size], runs: int) -> _Size:
        function = _text(call[2][0])
        arguments = [_message(argument) for argument in (*call.get(1, ()), *call.get(3, ()))]
        sizes = [self.size(argument, known, runs) for argument in arguments]
        self.cost += runs
        if function in _GIVES_ONE or (function == "_+_" and any(map(_is_number, arguments))):
            return _ONE
        if function in _COMPARES:
            self.cost += runs * min(size for size, _ in sizes)
            return _ONE
        if function == "_[_]":
            return _deep(sizes[0])
        if function == "_?_:_":
            return max(sizes[1], sizes[2])
        total = sum(size for size, _ in sizes)
        if _GATHERED not in sizes:  # what a loop gathers is added to in place
            self.cost += runs * total * (_JOINING if function == "_+_" else 1)
        return total, sum(length for _, length in sizes)

    def _comprehension(self, it: _Fields, known: Mapping[str, _Size], runs: int) -> _Size:
        size, length = self.size(_message(it[2][0]), known, runs)
        length = min(length, _ITERATIONS_MAX)
        bodies = [_message(it[5][0]), _message(it[6][0])]
        # Of all elements together the sizes add up; a loop in a loop may come upon the largest each time.
        element = size if any(map(_loops, bodies)) else size // max(1, length) + 1
        inside = dict.fromkeys(map(_text, (*it[1], *it.get(8, ()))), (element, element))
        around = {**known, **inside, _text(it[3][0]): _GATHERED}
        inner_runs = min(runs * length, max(_ITERATIONS_MAX, runs))
        grown = max(self.size(body, around, inner_runs)[0] for body in bodies)
        self.size(_message(it[7][0]), around, runs)
        return length * grown + 1, length


def _deep(size: _Size) -> _Size:
    """Return how large a part of a value can be: all of it, and that on one level."""
    return size[0], size[0]


# -- the tree


def _children(node: _Fields) -> Iterator[_Fields]:
    """Yield the nodes right below one that is neither constant nor name."""
    for field, below in ((5, (1,)), (6, (1, 3)), (7, (1,)), (9, (2, 4, 5, 6, 7))):
        for inner in map(_message, node.get(field, ())):
            yield from (_message(part) for number in below for part in inner.get(number, ()))
    for struct in map(_message, node.get(8, ())):
        for entry in map(_message, struct.get(2, ())):
            yield from (_message(part) for number in (3, 4) for part in entry.get(number, ()))


def _loops(node: _Fields) -> bool:
    return 9 in node or any(map(_loops, _children(node)))


def _paths(node: _Fields, own: Path) -> Iterator[Path]:
    """Yield what a tree sees: a name, with what is selected of it right away. `own` are names of loops."""
    if 4 in node:
        name = _text(_message(node[4][0])[1][0])
        if name not in own:
            yield (name,)
        return
    if 5 in node:
        select = _message(node[5][0])
        operand = _message(select[1][0])
        if 4 in operand:
            yield from ((*path, _text(select[2][0])) for path in _paths(operand, own))
            return
    if 9 in node:
        it = _message(node[9][0])
        own = (*own, *map(_text, (*it[1], *it.get(8, ()), *it[3])))
    for child in _children(node):
        yield from _paths(child, own)


def _is_number(node: _Fields) -> bool:
    return 3 in node and any(kind in _message(node[3][0]) for kind in (3, 4, 5))


def _constant(node: _Fields) -> bytes:
    texts: list[bytes] = [
        value for values in _message(node[3][0]).values() for value in values if isinstance(value, bytes)
    ]
    return texts[0] if texts else b""


def _at(values: Mapping[str, Any], path: Path) -> Any:
    value: Any = values
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


# -- protocol buffers


def _text(value: bytes) -> str:
    return value.decode()


def _message(data: bytes) -> _Fields:
    """Return the fields of a message by number: numbers as int, everything else as bytes."""
    fields: dict[int, list[Any]] = {}
    position = 0
    number = partial(_varint, data)
    while position < len(data):
        key, position = number(position)
        kind = key & 7
        value: Any
        if kind == 0:
            value, position = number(position)
        else:
            length, position = number(position) if kind == 2 else (8 if kind == 1 else 4, position)
            value, position = data[position : position + length], position + length
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
