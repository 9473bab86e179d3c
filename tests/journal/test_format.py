"""Bytes of the journal, without files."""

from __future__ import annotations

import contextlib
import json
import math
import re
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rltrack.errors import DamageError, FormatVersionError, JournalError
from rltrack.journal.format import (
    FRAME_HEAD_SIZE,
    HEADER_SIZE,
    Schema,
    Segment,
    decode,
    decode_body,
    decode_header,
    encode,
    encode_header,
    encode_row,
    encode_schema,
    frame,
)
from rltrack.journal.records import (
    ConfigChanged,
    Finished,
    Json,
    MediaStored,
    MetricDefined,
    Noted,
    Prepared,
    Record,
    Row,
    RowFlag,
    RunChanged,
    SummaryChanged,
    WriterOpened,
)

INT64 = st.integers(min_value=-(2**63), max_value=2**63 - 1)
#: Every float64 that there is, NaNs of all payloads among them.
FLOAT64 = st.integers(min_value=0, max_value=2**64 - 1).map(
    lambda bits: float(struct.unpack("<d", struct.pack("<Q", bits))[0])
)
#: Any text, with halves of surrogate pairs; two halves that follow each other are one character
#: to JSON, and no text that Python decoded from anywhere holds them so.
TEXT = st.text(st.characters()).filter(
    lambda text: not re.search("[\ud800-\udbff][\udc00-\udfff]", text)
)
#: JSON has one NaN: that a value is none is kept, not which of them it was.
JSON_FLOAT = st.floats(allow_nan=False) | st.just(math.nan)
JSON = st.recursive(
    st.none() | st.booleans() | INT64 | JSON_FLOAT | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
FLAGS = st.sampled_from([RowFlag.NONE, RowFlag.EXPLICIT, RowFlag.POINT, RowFlag.SYSTEM])


def exactly(value: object) -> str:
    """A text that two values share if they are of one type and, for floats, of the same bits."""
    if isinstance(value, float):
        return f"float {struct.pack('<d', value).hex()}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {exactly(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(exactly, value)) + "]"
    return f"{type(value).__name__} {value!r}"


@given(st.dictionaries(TEXT, FLOAT64 | INT64 | st.booleans(), min_size=1), INT64, INT64, FLAGS)
def test_a_row_of_numbers_comes_back_to_the_bit(
    values: dict[str, float], step: int, time_ns: int, flags: RowFlag
) -> None:
    """A metric is evidence: no int becomes a float, no bool an int, no NaN another NaN."""
    letters = {float: "d", int: "q", bool: "?"}
    schema = Schema(7, list(values), "".join(letters[type(value)] for value in values.values()))
    row = Row(step, time_ns, values, flags)

    (read,) = decode(encode_schema(schema) + encode_row(schema, row))

    assert isinstance(read, Row)
    assert (read.step, read.time_ns, read.flags) == (step, time_ns, flags)
    assert exactly(read.values) == exactly(values)


def test_a_value_whose_text_is_known_stands_in_the_row_as_any_other() -> None:
    """So what is read is the same, wherever it stands in the row and whatever its key is."""
    known = Prepared(_type="histogram", values=[1], bins=[0.0, 1.0])
    known.text = '{"_type":"histogram","values":[1],"bins":[0.0,1.0]}'
    unknown = Prepared(values=[2])
    rows: list[dict[str, Json]] = [
        {"a": known},
        {'"é\n': known, "b": math.inf, "c": "x", "d": unknown},
        {"d": unknown},
    ]
    for values in rows:
        row = Row(3, 4, values, RowFlag.POINT)
        (read,) = decode(encode(row))
        assert read == row


@given(st.dictionaries(TEXT, JSON), INT64, INT64, FLAGS)
def test_a_row_of_anything_else_comes_back_as_it_was(
    values: dict[str, None], step: int, time_ns: int, flags: RowFlag
) -> None:
    """Text, None, lists and dicts, with 64-bit ints, ±Inf and -0.0 inside."""
    (read,) = decode(encode(Row(step, time_ns, values, flags)))

    assert isinstance(read, Row)
    assert (read.step, read.time_ns, read.flags) == (step, time_ns, flags)
    assert exactly(read.values) == exactly(values)


RECORDS: list[Record] = [
    WriterOpened(1, "host", 2, "boot/ns/3"),
    ConfigChanged(2, {"lr": 3e-4, "net": {"sizes": [64, 64]}}, ["old"]),
    SummaryChanged(3, {"best": float("inf")}, ["gone"]),
    RunChanged(4, {"name": "ä\ud800", "tags": ["a"]}),
    MetricDefined(5, "train/*", "global_step", "min,max", "minimize", True),
    MediaStored(6, "videos/a.mp4", {"frames": 3}, None),
    MediaStored(7, "videos/b.mp4", {}, "no ffmpeg"),
    Noted(8, "warning", "disk full", 12),
    Finished(9, "failed", 1, "Traceback…"),
    Row(10, 11, {"text": "x", "none": None}, RowFlag.EXPLICIT),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_kind_of_record_comes_back(record: Record) -> None:
    """What one writes, all read."""
    assert list(decode(encode(record))) == [record]


def test_a_key_of_five_thousand_characters_is_a_key() -> None:
    """W&B accepts it, so old scripts may have it."""
    key = "k" * 5000
    schema = Schema(0, [key], "d")

    (read,) = decode(encode_schema(schema) + encode_row(schema, Row(0, 0, {key: 1.0})))

    assert isinstance(read, Row)
    assert read.values == {key: 1.0}


@given(st.lists(st.sampled_from(RECORDS), max_size=6), st.integers(min_value=0, max_value=2000))
def test_frames_cut_at_any_byte_keep_every_whole_record(records: list[Record], cut: int) -> None:
    """A crash loses at most the record that it interrupted."""
    frames = [encode(record) for record in records]
    ends = [sum(map(len, frames[: index + 1])) for index in range(len(frames))]

    assert list(decode(b"".join(frames)[:cut])) == records[: sum(end <= cut for end in ends)]


@given(
    st.text(st.sampled_from("0123456789abcdef_XYZ"), min_size=1, max_size=16),
    st.integers(1, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    INT64,
)
def test_a_header_comes_back(writer: str, number: int, first_row: int, started_ns: int) -> None:
    """The header makes a segment readable alone."""
    segment = Segment(writer, number, first_row, started_ns)

    assert decode_header(encode_header(segment)) == segment


@given(st.integers(0, HEADER_SIZE * 8 - 1))
def test_a_flipped_bit_in_a_header_is_noticed(bit: int) -> None:
    """Rows must not be counted from a wrong number, or under a wrong name."""
    data = bytearray(encode_header(Segment("writer", 1, 0, 5)))
    data[bit // 8] ^= 1 << bit % 8

    with pytest.raises(JournalError):
        decode_header(bytes(data))


def test_a_newer_format_says_what_to_type() -> None:
    """The user has the wrong version, not a broken journal."""
    head = encode_header(Segment("writer", 1, 0, 5))
    newer = head[:8] + b"\2\0" + head[10:60]

    with pytest.raises(FormatVersionError, match="pip install -U rltrack"):
        decode_header(newer + struct.pack("<I", zlib.crc32(newer)))


def test_a_record_type_of_a_newer_rltrack_is_passed_over() -> None:
    """A new kind of record is no new format: old readers read on."""
    unknown = frame(struct.pack("<BBHqq", 200, 0, 0, 0, 0) + b"{}")
    known = Noted(1, "info", "here")

    assert list(decode(unknown + encode(known))) == [known]


def test_a_field_of_a_newer_rltrack_is_passed_over() -> None:
    """The same for a field."""
    body = struct.pack("<BBHqq", 16, 0, 0, 0, 1) + b'{"level":"info","message":"m","new":1}'

    assert decode_body(body, {}) == Noted(1, "info", "m")


@given(
    st.sampled_from([1, 2, 3, 10, 11, 12, 13, 14, 15, 16, 17, 99]),
    st.integers(0, 255),
    st.integers(0, 3),
    st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_any_body_is_a_record_or_damage(code: int, flags: int, schema: int, payload: bytes) -> None:
    """A checksum that fits says nothing about who wrote the bytes."""
    body = struct.pack("<BBHqq", code, flags, schema, 0, 0) + payload
    with contextlib.suppress(DamageError):
        decode_body(body, {0: Schema(0, ["a", "b"], "d?")})


def test_a_row_of_ten_floats_takes_108_bytes() -> None:
    """A million rows are 103 MiB, and not three times that."""
    names = [f"metric{index}" for index in range(10)]
    schema = Schema(0, names, "d" * 10)

    size = len(encode_row(schema, Row(0, 0, dict.fromkeys(names, 1.0))))

    assert size == schema.frame_size == FRAME_HEAD_SIZE + 20 + 80 == 108
