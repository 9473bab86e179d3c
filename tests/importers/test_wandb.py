"""W&B's offline folders as runs: one that wandb 0.31 wrote, and files made here, whole and broken."""

from __future__ import annotations

import contextlib
import json
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rltrack
from rltrack.cli import main
from rltrack.errors import ArchiveError, NotFoundError
from rltrack.importers.protobuf import Message, ProtobufError
from rltrack.importers.recorded import Imported
from rltrack.importers.wandb import import_wandb
from rltrack.importers.wandb_log import BLOCK_BYTES, HEADER, WandbLog

#: A run of wandb 0.31.0: 21 rows, config, summary, media, a table, console, an artifact, an alert.
RECORDED = Path(__file__).parents[1] / "data" / "wandb-0.31"


# -- files made here ---------------------------------------------------------------------------


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def message(**fields: bytes | str | int | list[bytes]) -> bytes:
    """A message of fields ``_<number>``."""
    found = b""
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            number = int(name[1:])
            if isinstance(one, int):
                found += varint(number << 3) + varint(one)
            else:
                data = one.encode() if isinstance(one, str) else one
                found += varint(number << 3 | 2) + varint(len(data)) + data
    return found


def item(key: str | list[str], value: Any) -> bytes:
    nested = [one.encode() for one in key] if isinstance(key, list) else []
    return message(
        **({"_2": nested} if nested else {"_1": str(key)}), _16=json.dumps(value).encode()
    )


def run_record(run_id: str = "abc", project: str = "p") -> bytes:
    return message(_17=message(_1=run_id, _3=project, _8="named", _17=message(_1=1_700_000_000)))


def row(step: int, **values: Any) -> bytes:
    items = [item(name, value) for name, value in values.items()]
    return message(_2=message(_1=items, _2=message(_1=step)))


EXIT = message(_18=message(_1=0))


def framed(*payloads: bytes) -> bytes:
    """A whole file."""
    found = bytearray(HEADER)
    for payload in payloads:
        first = True
        while True:
            room = BLOCK_BYTES - len(found) % BLOCK_BYTES
            if room < 7:
                found += bytes(room)
                continue
            piece, payload = payload[: room - 7], payload[room - 7 :]
            kind = (1 if first else 4) if not payload else (2 if first else 3)
            checksum = crc32(piece, crc32(bytes([kind])))
            found += struct.pack("<IHB", checksum, len(piece), kind) + piece
            first = False
            if not payload:
                break
    return bytes(found)


@pytest.fixture
def offline(tmp_path: Path) -> Callable[..., Path]:
    """Writes the file of a run; gives the folder above."""

    def write(data: bytes, name: str = "offline-run-1-abc") -> Path:
        folder = tmp_path / "wandb" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run-abc.wandb").write_bytes(data)
        return tmp_path / "wandb"

    return write


def imported(path: Path, root: Path) -> list[Imported]:
    return list(import_wandb(path, root))


def rows_of(root: Path, path: str = "p/abc") -> list[dict[str, Any]]:
    return [
        {name: value for name, value in one.items() if not name.startswith(("_t", "_r"))}
        for one in rltrack.Api(root).run(path).history(pandas=False)
    ]


# -- what wandb wrote --------------------------------------------------------------------------


def test_what_wandb_recorded_is_there(root: Path) -> None:
    """Rows with their steps and times, and all that stands beside them."""
    (found,) = imported(RECORDED, root)
    run = rltrack.Api(root).run("proj/abc12345")
    rows = run.history(pandas=False)

    assert (found.name, found.run, found.outcome) == ("hello", "proj/abc12345", "new")
    assert (run.name, run.state, run.group) == ("hello", "finished", "g")
    assert (run.tags, run.notes) == (("a", "b"), "n")
    assert run.config == {"lr": 0.1, "net": {"layers": [64, 64]}, "extra": 1}
    assert len(rows) == 21
    assert [one["loss"] for one in rows[:20]] == [1 / (i + 1) for i in range(20)]
    assert [one["_step"] for one in rows] == list(range(21))
    assert math.isnan(rows[3]["nan"])
    assert rows[5]["nested.x"] == 5
    assert rows[5]["text"] == "t5"
    assert rows[0]["_timestamp"] == pytest.approx(run.created_at, abs=60)
    assert run.summary["best"] == 3
    assert run.summary["loss.min"] == 0.05


def test_files_of_rows_come_along(root: Path) -> None:
    """Pictures as they were, lists as ours, a table that can be asked."""
    imported(RECORDED, root)
    run = rltrack.Api(root).run("proj/abc12345")
    last = run.history(pandas=False)[-1]
    names = [file.name for file in run.files()]

    assert "media/images/img_20_4a0945534329d26ce523.png" in names
    assert {"w.txt", "output.log"} <= set(names)
    assert run.table("t").dataframe().to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert [last[key]["_type"] for key in ("h", "imgs", "t")] == [
        "histogram",
        "images/separated",
        "table-file",
    ]
    assert [line.text for line in run.console_logs()] == ["printed line", "err"]


def test_again_is_nothing(root: Path) -> None:
    """However often."""
    imported(RECORDED, root)
    before = rows_of(root, "proj/abc12345")
    (again,) = imported(RECORDED, root)

    assert (again.outcome, again.values) == ("there already", 0)
    assert len(rows_of(root, "proj/abc12345")) == len(before)


def test_the_command(
    root: Path, capsys: pytest.CaptureFixture[str], offline: Callable[..., Path]
) -> None:
    """It says what became of each run, and what had no place."""
    folder = offline(framed(run_record(), row(0, a=1), message(_9=message(_1="logs/tb")), EXIT))
    assert main(["import", "wandb", str(folder), "--dir", str(root)]) == 0
    told = capsys.readouterr().out
    assert "named: new, 1 values, p/abc" in told
    assert "left out: event files of TensorBoard in logs/tb" in told
    assert (
        main(["import", "wandb", str(folder), "--dir", str(root), "--project", "q", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)[0]["outcome"] == "there already"
    assert main(["import", "wandb", str(folder / "none"), "--dir", str(root)]) == 1


# -- files that grow, and several of one run ---------------------------------------------------


def test_a_file_that_grows_adds_what_is_new(root: Path, offline: Callable[..., Path]) -> None:
    """As of a training that goes on, or was killed and is imported in between."""
    payloads = [run_record(), *(row(step, a=step) for step in range(100)), EXIT]
    folder = offline(framed(*payloads[:50]))
    (first,) = imported(folder, root)
    assert rltrack.Api(root).run("p/abc").state == "crashed"
    offline(framed(*payloads))
    (second,) = imported(folder, root)

    assert (first.outcome, second.outcome) == ("new", "grown")
    assert first.values + second.values == 100
    assert [one["a"] for one in rows_of(root)] == list(range(100))
    assert rltrack.Api(root).run("p/abc").state == "finished"


def test_a_resumed_run_is_one(root: Path, offline: Callable[..., Path]) -> None:
    """W&B's folders of one id, which it cannot join offline."""
    offline(framed(run_record(), row(0, a=0), row(1, a=1)))
    folder = offline(framed(run_record(), row(2, a=2), EXIT), "offline-run-2-abc")
    (found,) = imported(folder, root)

    assert found.outcome == "new"
    assert rows_of(root) == [{"_step": step, "a": step} for step in range(3)]


def test_samples_of_the_machine(root: Path, offline: Callable[..., Path]) -> None:
    """At their times, apart from the rows."""
    at = message(_1=1_700_000_030)
    stats = message(_7=message(_2=at, _3=[item("cpu", 12.5), item("gpu.0.temp", 60)]))
    imported(offline(framed(run_record(), row(0, a=1), stats, EXIT)), root)
    run = rltrack.Api(root).run("p/abc")

    assert run.system_metrics == {"system.cpu": 12.5, "system.gpu.0.temp": 60.0}
    assert run.history(stream="system", pandas=False)[0]["_step"] == 30
    assert rows_of(root) == [{"_step": 0, "a": 1}]


def test_an_id_that_a_run_here_has(root: Path, offline: Callable[..., Path]) -> None:
    """Nothing of the user's is touched."""
    with rltrack.init(project="p", id="abc", settings={"quiet": True}) as run:
        run.log({"mine": 1})
    folder = offline(framed(run_record(), row(0, a=1), EXIT))

    assert [one.run for one in imported(folder, root)] == ["p/abc-wandb"]
    assert [one.outcome for one in imported(folder, root)] == ["there already"]
    assert rows_of(root) == [{"_step": 0, "mine": 1}]


# -- files that are broken ---------------------------------------------------------------------

WHOLE = framed(run_record(), *(row(step, a=step, text="x" * 500) for step in range(200)), EXIT)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(WHOLE)))
def test_a_file_that_is_cut_gives_what_is_whole(tmp_path: Path, cut: int) -> None:
    """In silence: its writer was killed, or still writes."""
    path = tmp_path / "run-abc.wandb"
    path.write_bytes(WHOLE[:cut])
    log = WandbLog(path)
    records = list(log.records()) if cut >= len(HEADER) or cut == 0 else []

    path.write_bytes(WHOLE)
    assert records == list(WandbLog(path).records())[: len(records)]
    assert log.damage == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(len(HEADER), len(WHOLE) - 1), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_costs_its_block(tmp_path: Path, at: int, noise: bytes) -> None:
    """Nothing that was not written is read, and the loss is told."""
    path = tmp_path / "run-abc.wandb"
    path.write_bytes(WHOLE)
    whole = list(WandbLog(path).records())
    broken = WHOLE[:at] + noise + WHOLE[at + len(noise) :]
    path.write_bytes(broken)
    log = WandbLog(path)
    found = list(log.records())

    assert set(found) <= set(whole)
    if len(found) < len(whole):
        assert log.damage or log.is_torn


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    """A reader of others' files does not crash, and does not take for ever."""
    with contextlib.suppress(ProtobufError):
        Message(data)


def test_records_that_cannot_be_understood(root: Path, offline: Callable[..., Path]) -> None:
    """They are told and counted; the others are there."""
    folder = offline(
        framed(run_record(), row(0, a=1), b"\xff\xff", message(_2=b"\x0a\xff"), row(1, a=2), EXIT)
    )
    (found,) = imported(folder, root)

    assert [one["a"] for one in rows_of(root)] == [1, 2]
    (told,) = found.trouble
    assert "a record of" in told
    assert told.endswith("(2 x)")


def test_what_is_no_file_of_wandb(root: Path, tmp_path: Path) -> None:
    """Each says so, and nothing is written."""
    (tmp_path / "run-x.wandb").write_bytes(b"something else altogether")
    with pytest.raises(ArchiveError, match=r"is no \.wandb file"):
        imported(tmp_path, root)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match=r"no \.wandb file in"):
        imported(tmp_path / "empty", root)
    with pytest.raises(NotFoundError, match="there is no"):
        imported(tmp_path / "none", root)
    assert not root.exists()


def test_a_path_that_leads_out_is_not_followed(root: Path, offline: Callable[..., Path]) -> None:
    """Of a file that somebody sent."""
    evil = {"_type": "image-file", "path": "media/../../../secret.txt"}
    folder = offline(framed(run_record(), row(0, img=evil, a=1), EXIT))
    (folder.parent / "secret.txt").write_text("secret")
    (found,) = imported(folder, root)

    assert any("is not beside" in told for told in found.trouble)
    assert "secret" not in "".join(
        path.read_text(errors="replace") for path in (root / "p" / "abc" / "media").rglob("*.txt")
    )
    with pytest.raises(ArchiveError, match="wandb's run"):
        imported(offline(framed(run_record("../x"), EXIT), "offline-run-2-x"), root)


def test_a_stop_in_the_middle_leaves_no_half_a_run(
    root: Path, offline: Callable[..., Path]
) -> None:
    """What was begun is not there, and the next import begins anew."""
    folder = offline(framed(run_record(), *(row(step, a=step) for step in range(3000)), EXIT))

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(import_wandb(folder, root, progress=stop))
    assert rltrack.Api(root).projects() == []
    (found,) = imported(folder, root)

    assert found.outcome == "new"
    assert len(rows_of(root)) == 3000
