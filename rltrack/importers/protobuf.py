"""The wire format of protocol buffers, as far as reading takes: fields by number.

    field = key varint (number << 3 | wire type) | value
    wire types: 0 varint, 1 eight bytes, 2 length varint and bytes, 5 four bytes

Spec: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

#: A varint of 64 bits has at most this many bytes.
_VARINT_BYTES: Final = 10


class ProtobufError(ValueError):
    """Bytes that are no message."""


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: number, and an int or the bytes of a text or message.

    Raises:
        ProtobufError: these are no fields.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if not number:
            raise ProtobufError("a field has no number")
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(wire, -1)
        if size < 0 or at + size > end:
            raise ProtobufError(f"field {number} does not fit its message")
        piece = data[at : at + size]
        at += size
        yield number, piece if wire == 2 else int.from_bytes(piece, "little")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_VARINT_BYTES):
        if at >= len(data):
            raise ProtobufError("a number is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise ProtobufError("a number has no end")


def signed(value: int) -> int:
    """An int64 or int32 of a varint."""
    return value - (1 << 64) if value >= 1 << 63 else value


class Message:
    """The fields of one message, by number. Unknown ones are there, and nobody asks for them.

    Raises:
        ProtobufError: the bytes are none.
    """

    def __init__(self, data: bytes) -> None:
        self._fields: dict[int, list[int | bytes]] = {}
        for number, value in fields(data):
            self._fields.setdefault(number, []).append(value)

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def number(self, number: int, default: int = 0) -> int:
        """The last value of a number."""
        found = self._fields.get(number, [default])[-1]
        return found if isinstance(found, int) else default

    def integer(self, number: int) -> int:
        """The last value of a number that may be below 0."""
        return signed(self.number(number))

    def raw(self, number: int) -> bytes:
        """The last value of bytes."""
        found = self._fields.get(number, [b""])[-1]
        return found if isinstance(found, bytes) else b""

    def text(self, number: int) -> str:
        """The last value of a text."""
        return self.raw(number).decode("utf-8", "replace")

    def texts(self, number: int) -> list[str]:
        """All values of a text."""
        return [
            v.decode("utf-8", "replace") for v in self._fields.get(number, []) if type(v) is bytes
        ]

    def message(self, number: int) -> Message:
        """The last value of a message; an empty one if there is none."""
        return Message(self.raw(number))

    def messages(self, number: int) -> list[Message]:
        """All values of a message."""
        return [Message(v) for v in self._fields.get(number, []) if type(v) is bytes]
