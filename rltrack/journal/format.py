"""The bytes of a journal: pure functions, no files and no threads.

    segment = header 64 bytes | frame | frame | …                 all little-endian
    header  = magic 8s | version u16 | size u16 | segment u32 | first row u64
            | started_ns i64 | writer 16s | zeros 12s | crc32 u32 of the 60 bytes before it
    frame   = length u32 | crc32 u32 of body | body
    body    = type u8 | flags u8 | schema u16 | step i64 | time_ns i64 | payload

The payload of a row is one fixed-width value for each key of its schema: a float64, an
int64 or a bool. The schema record that names keys and kinds stands before it in the same
segment, so a segment reads alone. Every other payload is JSON in ASCII, in which NaN and
±Infinity are the tokens that Python's `json` writes.

A length of 0 means "not written yet": a writer allocates ahead, and its file ends in zeros
until the segment is closed. A crash can only cut the last frame of a segment (a torn tail).

Version 1. A reader skips record types that it does not know, so adding one is no new
version; any other change is. The 64 bytes of the header are the same in every version.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

from rltrack.errors import DamageError, FormatVersionError, JournalError
from rltrack.journal.records import (
    ArtifactLinked,
    ConfigChanged,
    ConsoleLogged,
    Finished,
    Json,
    MediaStored,
    MetricDefined,
    Noted,
    Prepared,
    Record,
    Resumed,
    Row,
    RowFlag,
    RunChanged,
    SummaryChanged,
    WriterOpened,
)

VERSION: Final = 1
MAGIC: Final = b"rltrack\x1a"
HEADER_SIZE: Final = 64
#: What `Segment.first_row` and `Schema.id` can count to.
MAX_SCHEMAS: Final = 0xFFFF
#: A frame that claims to be longer is damage. Rows of this size would not fit in memory anyway.
MAX_BODY_BYTES: Final = 0x7FFF_FFFF

_HEADER: Final = struct.Struct("<8sHHIQq16s12x")
_CRC: Final = struct.Struct("<I")
_FRAME: Final = struct.Struct("<II")
_PREFIX: Final = struct.Struct("<BBHqq")
FRAME_HEAD_SIZE: Final = _FRAME.size
PREFIX_SIZE: Final = _PREFIX.size

ROW: Final = 1
SCHEMA: Final = 2
VALUES: Final = 3  # a row that no schema can hold: strings, None, nested, media
#: What a value of a row may be: float64, int64, bool.
KINDS: Final = "dq?"
_TYPES: Final[dict[int, type[Any]]] = {
    10: WriterOpened,
    11: ConfigChanged,
    12: SummaryChanged,
    13: RunChanged,
    14: MetricDefined,
    15: MediaStored,
    16: Noted,
    17: Finished,
    18: Resumed,
    19: ConsoleLogged,
    20: ArtifactLinked,
}
_KNOWN: Final = frozenset({ROW, SCHEMA, VALUES, *_TYPES})
#: Made once: `json.dumps` makes one for each call.
_to_json: Final = json.JSONEncoder(separators=(",", ":")).encode
_CODES: Final = {kind: code for code, kind in _TYPES.items()}
_FIELDS: Final = {
    kind: tuple(field.name for field in dataclasses.fields(kind) if field.name != "time_ns")
    for kind in _CODES
}
#: Fields that came later: they are left out where they say nothing, as if they were not there.
_ADDED: Final = {
    kind: {field.name for field in dataclasses.fields(kind) if field.metadata.get("added")}
    for kind in _CODES
}

_FLAGS: Final = int(RowFlag.EXPLICIT | RowFlag.POINT | RowFlag.SYSTEM)

pack_frame_head = _FRAME.pack
#: Set the checksum of a frame: at its offset + 4.
pack_checksum_into = _CRC.pack_into
unpack_frame_head = _FRAME.unpack_from
unpack_prefix = _PREFIX.unpack_from


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """The header of one segment file."""

    writer: str
    """Random name of the writing process, at most 16 ASCII characters."""
    number: int
    """1 for the writer's first segment."""
    first_row: int
    """How many rows the writer's earlier segments hold."""
    started_ns: int


def encode_header(segment: Segment) -> bytes:
    """The first 64 bytes of a segment file."""
    head = _HEADER.pack(
        MAGIC,
        VERSION,
        HEADER_SIZE,
        segment.number,
        segment.first_row,
        segment.started_ns,
        segment.writer.encode("ascii"),
    )
    return head + _CRC.pack(crc32(head))


def decode_header(data: bytes) -> Segment:
    """Read a segment's header.

    Raises:
        JournalError: this is no journal.
        FormatVersionError: it is one, of a version that this rltrack cannot read.
        DamageError: it is one, but its header fails the checksum.
    """
    if len(data) < HEADER_SIZE or data[:8] != MAGIC:
        raise JournalError("not a journal segment: it does not begin with rltrack's magic bytes")
    _, version, size, number, first_row, started_ns, writer = _HEADER.unpack_from(data)
    if _CRC.unpack_from(data, HEADER_SIZE - 4)[0] != crc32(data[: HEADER_SIZE - 4]):
        raise DamageError("a segment's header fails its checksum")
    if version > VERSION or size != HEADER_SIZE:
        raise FormatVersionError(
            f"journal format {version}, and this rltrack reads up to {VERSION}: "
            "upgrade with `pip install -U rltrack`"
        )
    name = writer.rstrip(b"\0").decode("ascii", "replace")
    return Segment(name, number, first_row, started_ns)


class Schema:
    """The keys of a row and how each value is stored.

    `kinds` has one letter for each key: ``d`` float64, ``q`` int64, ``?`` bool.
    """

    __slots__ = ("frame_size", "id", "keys", "kinds", "pack", "unpack")

    def __init__(self, schema_id: int, keys: Sequence[str], kinds: str) -> None:
        body = struct.Struct(_PREFIX.format + kinds)
        self.id = schema_id
        self.keys = tuple(keys)
        self.kinds = kinds
        self.frame_size = FRAME_HEAD_SIZE + body.size
        self.pack = body.pack
        self.unpack = body.unpack_from

    def row(self, body: bytes | memoryview, offset: int = 0) -> Row:
        """Decode the body of one row."""
        _, flags, _, step, time_ns, *values = self.unpack(body, offset)
        return Row(step, time_ns, dict(zip(self.keys, values, strict=True)), RowFlag(flags))


def frame(body: bytes) -> bytes:
    """Put length and checksum before a body."""
    return pack_frame_head(len(body), crc32(body)) + body


def encode_schema(schema: Schema) -> bytes:
    """The frame that makes `schema` known to a segment's reader."""
    payload = {"keys": schema.keys, "kinds": schema.kinds}
    return frame(_PREFIX.pack(SCHEMA, 0, schema.id, 0, 0) + _dump(payload))


def encode_row(schema: Schema, row: Row) -> bytes:
    """A row whose keys and kinds are those of `schema`.

    Raises:
        struct.error: a value does not fit its kind; an int of over 63 bits, for one.
    """
    body = schema.pack(ROW, row.flags, schema.id, row.step, row.time_ns, *row.values.values())
    return frame(body)


def encode(record: Record) -> bytes:
    """Any record as a frame with a JSON payload."""
    if isinstance(record, Row):
        prefix = _PREFIX.pack(VALUES, record.flags, 0, record.step, record.time_ns)
        return frame(prefix + _dump_values(record.values))
    kind = type(record)
    payload = {name: getattr(record, name) for name in _FIELDS[kind]}
    for name in _ADDED[kind]:
        if payload[name] is None:
            del payload[name]
    return frame(_PREFIX.pack(_CODES[kind], 0, 0, 0, record.time_ns) + _dump(payload))


def decode_body(body: bytes, schemas: Mapping[int, Schema]) -> Record | Schema | None:
    """One record, one schema, or None for a type that this version does not know.

    Raises:
        DamageError: the checksum fitted but the content does not: a row of an unknown schema,
            JSON that is none.
    """
    try:
        code, flags, schema_id, step, time_ns = unpack_prefix(body)
        if code == ROW:
            return _schema_of(body, schema_id, schemas).row(body)
        if code == SCHEMA:
            return _decode_schema(schema_id, _load(body))
        if code == VALUES:
            return Row(step, time_ns, dict(_load(body)), RowFlag(flags))
        kind = _TYPES.get(code)
        if kind is None:
            return None
        fields = {k: v for k, v in _load(body).items() if k in _FIELDS[kind]}
        record: Record = kind(time_ns=time_ns, **fields)
        return record
    except (struct.error, LookupError, ValueError, TypeError, AttributeError) as cause:
        raise DamageError(f"a record cannot be understood: {cause}") from cause


def _schema_of(body: bytes, schema_id: int, schemas: Mapping[int, Schema]) -> Schema:
    schema = schemas.get(schema_id)
    if schema is None:
        raise DamageError(
            f"rows cannot be read: schema {schema_id}, which names their keys, is lost"
        )
    if schema.frame_size != FRAME_HEAD_SIZE + len(body):
        raise DamageError(f"rows of schema {schema_id} are not of its size")
    return schema


def _decode_schema(schema_id: int, payload: dict[str, Any]) -> Schema:
    keys, kinds = payload["keys"], payload["kinds"]
    if (
        len(keys) != len(kinds)
        or set(kinds) - set(KINDS)
        or not all(isinstance(k, str) for k in keys)
    ):
        raise ValueError(f"schema {schema_id} does not name each value once")
    return Schema(schema_id, keys, kinds)


def decode(data: bytes) -> Iterator[Record]:
    """The records of a segment's frames, up to its torn tail.

    `data` begins behind the header. This is the plain reading of the format, for tests and
    small files; `reader.py` reads growing files, damaged ones, and many rows at a time.
    """
    schemas: dict[int, Schema] = {}
    offset = 0
    while (end := whole_frame(data, offset)) is not None:
        record = decode_body(data[offset + FRAME_HEAD_SIZE : end], schemas)
        offset = end
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif record is not None:
            yield record


def whole_frame(data: bytes | memoryview, offset: int) -> int | None:
    """Where the frame at `offset` ends, or None where no whole frame begins."""
    start = offset + FRAME_HEAD_SIZE
    if start > len(data):
        return None
    length, checksum = unpack_frame_head(data, offset)
    end = start + length
    if not PREFIX_SIZE <= length <= MAX_BODY_BYTES or end > len(data):
        return None
    return end if crc32(data[start:end]) == checksum else None


def may_be_frame(data: bytes, offset: int) -> bool:
    """Whether a frame of this version may begin there: cheap, where `whole_frame` adds up bytes."""
    body = offset + FRAME_HEAD_SIZE
    if body + PREFIX_SIZE > len(data):
        return False
    (length, _) = unpack_frame_head(data, offset)
    fits = PREFIX_SIZE <= length <= len(data) - body
    return fits and data[body] in _KNOWN and data[body + 1] <= _FLAGS


def _dump_values(values: Mapping[str, Json]) -> bytes:
    known = {
        name: value.text for name, value in values.items() if type(value) is Prepared and value.text
    }
    if not known:
        return _dump(values)
    texts = (f"{_to_json(name)}:{known.get(name) or _to_json(values[name])}" for name in values)
    return f"{{{','.join(texts)}}}".encode("ascii")


def _dump(payload: object) -> bytes:
    return _to_json(payload).encode("ascii")


def _load(body: bytes) -> Any:
    return json.loads(body[PREFIX_SIZE:])
