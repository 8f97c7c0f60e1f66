"""On which line of a TOML source each key, table and array element stands. No I/O.

`tomllib` parses and forgets where things stood. This walks a source that `tomllib` has accepted already, so it looks
only for structure (TOML 1.0.0): headers, keys, and where a value ends.
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]
"""Keys and array positions from the top: `("trunk", 0, "name")`."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_KEY_PART = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}" + r'|"(?:[^"\\\n]|\\.)*"' + r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]+")


def lines_of(source: str) -> dict[Path, int]:
    """The line, from 1, of every key, table and array element in a valid TOML source."""
    walk = _Walk(source.replace("\r\n", "\n"))
    walk.document()
    return walk.lines


def line_of(path: Path, lines: dict[Path, int]) -> int | None:
    """The line of a path, or of the nearest table above it that is written down."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


class _Walk:
    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.lines: dict[Path, int] = {}
        self._counted = (0, 1)
        self._arrays: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while self._skip(_BLANK) < len(self.source):
            if self.source[self.position] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        array = self.source.startswith("[[", self.position)
        line = self._line()
        self.position += 2 if array else 1
        path = self._resolve(self._key())
        self._skip(_SPACES)
        self.position += 2 if array else 1
        if array:
            self.lines.setdefault(path, line)
            self._arrays[path] = self._arrays.get(path, -1) + 1
            path = (*path, self._arrays[path])
        self.lines.setdefault(path, line)
        return path

    def _resolve(self, key: list[str]) -> Path:
        """A header's key: each array of tables on the way means its newest element."""
        path: Path = ()
        for number, part in enumerate(key):
            path = (*path, part)
            if path in self._arrays and number < len(key) - 1:
                path = (*path, self._arrays[path])
        return path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table
        for part in self._key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self._skip(_SPACES)
        self.position += 1
        self._skip(_SPACES)
        self._value(path)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(_SPACES)
            match = _KEY_PART.match(self.source, self.position)
            if match is None:
                raise ValueError(f"line {self._line()} holds no key")
            parts.append(_unquoted(match.group()))
            self.position = match.end()
            self._skip(_SPACES)
            if not self.source.startswith(".", self.position):
                return parts
            self.position += 1

    def _value(self, path: Path) -> None:
        first = self.source[self.position]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        elif first in "\"'":
            match = _STRING.match(self.source, self.position)
            if match is None:
                raise ValueError(f"line {self._line()} holds an unfinished string")
            self.position = match.end()
        else:
            self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        self.position += 1
        number = 0
        while self.source[self._skip(_BLANK)] != "]":
            element = (*path, number)
            self.lines[element] = self._line()
            self._value(element)
            self._comma()
            number += 1
        self.position += 1

    def _inline_table(self, path: Path) -> None:
        self.position += 1
        while self.source[self._skip(_BLANK)] != "}":
            self._pair(path)
            self._comma()
        self.position += 1

    def _comma(self) -> None:
        if self.source[self._skip(_BLANK)] == ",":
            self.position += 1

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.source, self.position)
        if match is not None:
            self.position = match.end()
        return self.position

    def _line(self) -> int:
        position, line = self._counted
        line += self.source.count("\n", position, self.position)
        self._counted = (self.position, line)
        return line


def _unquoted(part: str) -> str:
    if part[0] == '"':
        return str(tomllib.loads(f"key = {part}")["key"])
    return part[1:-1] if part[0] == "'" else part
