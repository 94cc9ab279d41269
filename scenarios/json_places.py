"""Where a value stands in JSON text: found when somebody asks, as a snapshot may have millions of values."""

import json
import re
from bisect import bisect_right
from functools import cached_property
from typing import Final

from scenarios.errors import Mark, Path

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()


class JsonPlaces:
    """The places in one text, which must be sound JSON."""

    def __init__(self, source: str, text: str) -> None:
        """Keep the text; nothing is looked for yet."""
        self._source = source
        self._text = text
        self._offsets: dict[Path, int] = {(): self._skip(0)}

    def mark(self, path: Path) -> Mark:
        """Return the place of the value at `path`, or of the nearest thing around it."""
        offset = self._offset(path)
        line = bisect_right(self._lines, offset)
        return Mark(self._source, line, offset - self._lines[line - 1] + 1)

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self._text))]

    def _skip(self, offset: int) -> int:
        found = _SPACE.match(self._text, offset)
        return found.end() if found else offset

    def _offset(self, path: Path) -> int:
        length = len(path)
        while path[:length] not in self._offsets:
            length -= 1
        while length < len(path) and self._enter(path[:length], path[length]):
            length += 1
        return self._offsets[path[:length]]

    def _enter(self, path: Path, piece: str | int) -> bool:
        """Find `piece` in the container at `path`, noting what is passed; say whether it is there."""
        start = self._offsets[path]
        opening = self._text[start : start + 1]
        if opening not in ("{", "["):
            return False
        offset, index = self._skip(start + 1), 0
        while self._text[offset] not in "]}":
            key: str | int = index
            if opening == "{":
                key, offset = _DECODER.raw_decode(self._text, offset)
                offset = self._skip(self._skip(offset) + 1)
            self._offsets[*path, key] = offset
            if key == piece:
                return True
            _, offset = _DECODER.raw_decode(self._text, offset)
            offset = self._skip(offset)
            if self._text[offset] == ",":
                offset = self._skip(offset + 1)
            index += 1
        return False
