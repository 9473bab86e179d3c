"""Runs in a zip: there and back, from hostile hands, and through kills."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import stat
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltrack
from rltrack.errors import ArchiveError, Error, NotFoundError, StorageError, UsageError
from rltrack.folder import RunFolder, projects, run_folder, run_folders
from rltrack.store.archive import MANIFEST, write_archive
from rltrack.store.run import RunReader
from rltrack.store.unarchive import STAGING, import_archive


def record(root: Path, run_id: str = "one", project: str = "p", rows: int = 20) -> RunFolder:
    with rltrack.init(
        project=project, id=run_id, dir=root, config={"lr": 0.1}, settings={"silent": True}
    ) as run:
        for step in range(rows):
            run.log({"loss": step / 7, "n": step})
    folder = run_folder(root, project, run_id)
    for name, content in (
        ("media/videos/a b/ü.mp4", b"\0\1" * 70_000),
        ("files/code/.gitignore", b"*.pyc"),
        ("files/empty", b""),
        ("segments/manifest.json", b"{"),
        ("media/videos/.c.mp4.part", b"half"),
        ("lease-3", b"{}"),
        (".run.json.1.2", b"{}"),
    ):
        path = folder.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def outcomes(file: Path, root: Path, **options: Any) -> list[tuple[str, str, str]]:
    return [(run.project, run.run_id, run.outcome) for run in import_archive(file, root, **options)]


def test_a_run_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """All that it is, and nothing that is derived or of the moment."""
    folder = record(tmp_path / "a")
    (done,) = write_archive([folder], tmp_path / "x.zip")

    assert outcomes(tmp_path / "x.zip", tmp_path / "b") == [("p", "one", "new")]

    there = contents(tmp_path / "b" / "p" / "one")
    here = contents(folder.path)
    journal = next(name for name in here if name.startswith("journal/"))
    assert set(there) == {
        "run.json",
        journal,
        "media/videos/a b/ü.mp4",
        "files/code/.gitignore",
        "files/empty",
    }
    assert there == {name: here[name] for name in there}
    assert (done.files, done.left_out) == (5, [])
    assert done.bytes == sum(map(len, there.values()))
    assert os.listdir(tmp_path / "b") == ["p"]
    assert os.listdir(tmp_path / "b" / "p") == ["one"]
    run = RunReader(run_folder(tmp_path / "b", "p", "one"))
    assert run.digest().state == "finished"
    assert run.digest().row_count == 20
    assert run.digest().config == {"lr": 0.1}


def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    """Whenever, and in whichever order they are named; so a zip can be compared and cached."""
    folders = [record(tmp_path / "a", run_id) for run_id in ("é [x]", "b", "c")]
    write_archive(folders, tmp_path / "x.zip")
    time.sleep(0.01)
    write_archive([*folders[::-1], folders[0]], tmp_path / "y.zip")

    assert (tmp_path / "x.zip").read_bytes() == (tmp_path / "y.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        names = [entry.filename for entry in archive.infolist()]
        assert archive.testzip() is None
    assert names[-1] == MANIFEST
    assert [name.split("/")[2] for name in names if name.endswith("/run.json")] == [
        "b",
        "c",
        "é [x]",
    ]


def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    """What is there is told, and not touched."""
    write_archive(
        [record(tmp_path / "a", "one"), record(tmp_path / "a", "two")], tmp_path / "x.zip"
    )
    assert outcomes(tmp_path / "x.zip", tmp_path / "a") == [
        ("p", "one", "there"),
        ("p", "two", "there"),
    ]
    assert [one[2] for one in outcomes(tmp_path / "x.zip", tmp_path / "b")] == ["new", "new"]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "b").rglob("*")}
    shutil.rmtree(tmp_path / "b" / "p" / "two")
    assert [one[2] for one in outcomes(tmp_path / "x.zip", tmp_path / "b")] == ["there", "new"]
    one = {path: path.stat().st_mtime_ns for path in (tmp_path / "b" / "p" / "one").rglob("*")}
    assert one == {path: mtime for path, mtime in before.items() if path in one}


def test_another_run_of_that_id_is_an_error_or_gets_another_id(tmp_path: Path) -> None:
    """Nobody's run is overwritten, and none of the others is written before that is clear."""
    write_archive([record(tmp_path / "a", "a"), record(tmp_path / "a", "one")], tmp_path / "x.zip")
    record(tmp_path / "b", "one", rows=3)
    mine = contents(tmp_path / "b" / "p" / "one")

    with pytest.raises(UsageError, match=r"another run 'one'; --rename imports it as one-2"):
        outcomes(tmp_path / "x.zip", tmp_path / "b")
    assert os.listdir(tmp_path / "b" / "p") == ["one"]

    for outcome in ("new", "there"):  # a renamed run is known again
        assert outcomes(tmp_path / "x.zip", tmp_path / "b", rename=True) == [
            ("p", "a", outcome),
            ("p", "one-2", outcome),
        ]
    assert contents(tmp_path / "b" / "p" / "one") == mine
    renamed = RunReader(run_folder(tmp_path / "b", "p", "one-2"))
    assert (renamed.id, renamed.digest().row_count) == ("one-2", 20)
    assert renamed.folder.read_facts().id == "one-2"


def test_a_run_that_has_gone_on_since_is_told_so(tmp_path: Path) -> None:
    """It is the same run, of two moments."""
    folder = record(tmp_path / "a")
    write_archive([folder], tmp_path / "x.zip")
    journal = next(folder.journal.iterdir())
    journal.write_bytes(journal.read_bytes() + bytes(8))
    with pytest.raises(UsageError, match="as of another moment: one of the two has gone on"):
        outcomes(tmp_path / "x.zip", tmp_path / "a")


def test_runs_may_go_to_another_project(tmp_path: Path) -> None:
    """Also two of one id, out of two projects."""
    folders = [record(tmp_path / "a", "one", "p"), record(tmp_path / "a", "one", "q")]
    write_archive(folders, tmp_path / "x.zip")
    with pytest.raises(UsageError, match="another run 'one'"):
        outcomes(tmp_path / "x.zip", tmp_path / "b", project="all of them")
    found = outcomes(tmp_path / "x.zip", tmp_path / "b", project="all of them", rename=True)
    assert found == [("all of them", "one", "new"), ("all of them", "one-2", "new")]
    assert list(projects(tmp_path / "b")) == ["all of them"]
    facts = run_folder(tmp_path / "b", "all of them", "one-2").read_facts()
    assert (facts.project, facts.id) == ("all of them", "one-2")
    with pytest.raises(UsageError, match="cannot contain"):
        outcomes(tmp_path / "x.zip", tmp_path / "b", project="../up")


def test_a_live_run_is_taken_as_far_as_it_is(tmp_path: Path) -> None:
    """Its copy has all rows that were logged, and does not go on once the process is gone."""
    code = (
        "import sys, rltrack\n"
        f"run = rltrack.init(project='p', id='live', dir={str(tmp_path / 'a')!r})\n"
        "for step in range(1000): run.log({'loss': step})\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for step in range(500): run.log({'loss': step})\n"
        "print('more', flush=True); sys.stdin.readline()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin
    assert process.stdout
    with process.stdin, process.stdout:
        assert process.stdout.readline() == b"ready\n"
        write_archive([run_folder(tmp_path / "a", "p", "live")], tmp_path / "x.zip")
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"more\n"
        assert outcomes(tmp_path / "x.zip", tmp_path / "b") == [("p", "live", "new")]
        folder = run_folder(tmp_path / "b", "p", "live")
        assert RunReader(folder).digest().row_count == 1000
        assert RunReader(folder).digest().damage == ()
        process.kill()
        process.wait()
    assert RunReader(folder).digest().state == "crashed"


def test_what_cannot_be_taken_is_told(tmp_path: Path) -> None:
    """A pipe holds nobody up, and a link to a file becomes the file."""
    folder = record(tmp_path / "a")
    outside = tmp_path / "weights.pt"
    outside.write_bytes(b"weights")
    os.mkfifo(folder.files / "pipe")
    (folder.files / "link").symlink_to(outside)
    (folder.files / "dead").symlink_to(tmp_path / "nowhere")
    (folder.files / "up").symlink_to(tmp_path)
    (done,) = write_archive([folder], tmp_path / "x.zip")
    outcomes(tmp_path / "x.zip", tmp_path / "b")

    files = tmp_path / "b" / "p" / "one" / "files"
    assert sorted(path.name for path in files.iterdir()) == ["code", "empty", "link"]
    assert (files / "link").read_bytes() == b"weights"
    assert not (files / "link").is_symlink()
    assert [text.split(":")[0] for text in done.left_out] == ["files/up", "'files/pipe'"]


def test_a_zip_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    """It may be the only copy."""
    folder = record(tmp_path / "a")
    (tmp_path / "x.zip").write_bytes(b"precious")
    with pytest.raises(UsageError, match="is there already"):
        write_archive([folder], tmp_path / "x.zip")
    assert (tmp_path / "x.zip").read_bytes() == b"precious"
    write_archive([folder], tmp_path / "x.zip", replace=True)
    assert zipfile.is_zipfile(tmp_path / "x.zip")
    with pytest.raises(NotFoundError, match="is no run"):
        write_archive([folder, RunFolder(tmp_path / "a" / "p" / "gone")], tmp_path / "y.zip")
    with pytest.raises(UsageError, match="no run to export"):
        write_archive([], tmp_path / "y.zip")
    with pytest.raises(StorageError, match="cannot be written"):
        write_archive([folder], tmp_path / "x.zip" / "y.zip")
    assert sorted(os.listdir(tmp_path)) == ["a", "x.zip"]


# -- hostile zips ----------------------------------------------------------------------------------


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


FACTS = json.dumps({"id": "r", "project": "p", "name": "n", "created_ns": 5}).encode()


def zipped(
    path: Path,
    files: dict[str, bytes],
    *,
    manifest: Callable[[dict[str, Any]], Any] = lambda manifest: manifest,
    prefix: str = "runs/p/r/",
    entries: Callable[[zipfile.ZipFile], None] = lambda archive: None,
) -> Path:
    """An archive as ours are, but for what a test wants otherwise."""
    files = {"run.json": FACTS, **files}
    run = {
        "project": "p",
        "id": "r",
        "heartbeat_ns": 5,
        "files": [[name, len(content), sha(content)] for name, content in files.items()],
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(prefix + name, content)
        entries(archive)
        archive.writestr(MANIFEST, json.dumps(manifest({"format": 1, "runs": [run]})))
    return path


def refused(file: Path, tmp_path: Path, match: str = ".") -> None:
    """The import fails with an error of ours, and there is nothing, here or around."""
    root = tmp_path / "inner" / "root"
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ArchiveError, match=match):
        outcomes(file, root)
    left = [path for path in tmp_path.rglob("*") if path not in before]
    assert [path for path in left if path.is_file() or path.is_symlink()] == []
    assert list(projects(root)) == []


def test_the_zip_of_these_tests_is_one_that_can_be_imported(tmp_path: Path) -> None:
    """Or else all that is refused here would prove nothing."""
    file = zipped(tmp_path / "x.zip", {"journal/a-000001.rlj": b"", "files/a/b": b"1"})
    assert outcomes(file, tmp_path / "root") == [("p", "r", "new")]


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "files/../../evil",
        "/etc/evil",
        "files//evil",
        "files/./evil",
        "files/",
        "",
        "files/nul\0l",
        "files/" + "x" * 256,
        "/".join(["files", *["x" * 200] * 30]),
        "segments/manifest.json",
        "lease-1",
        "stop",
        ".run.json.1.2",
        ".hidden/x",
    ],
)
def test_a_file_must_be_in_a_place_where_a_run_has_files(tmp_path: Path, name: str) -> None:
    """Neither outside of the run, nor where it would be believed."""
    refused(zipped(tmp_path / "x.zip", {name: b"evil"}), tmp_path, "is no place|cannot be")


@pytest.mark.parametrize("name", ["", 5, None, ["p"], "x" * 300, "\ud800"])
@pytest.mark.parametrize("which", ["project", "id"])
def test_a_run_must_have_names_that_runs_have(tmp_path: Path, which: str, name: object) -> None:
    """They become folders."""

    def change(manifest: dict[str, Any]) -> dict[str, Any]:
        manifest["runs"][0][which] = name
        return manifest

    file = zipped(tmp_path / "x.zip", {}, manifest=change)
    with pytest.raises(Error):
        outcomes(file, tmp_path / "root")
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("name", ["..", "../..", "/", ".", "a/b", "..\\x", ".import", "%2E%2E"])
def test_names_that_are_paths_stay_in_the_root(tmp_path: Path, name: str) -> None:
    """They are escaped, like those of any run, or refused."""

    def change(manifest: dict[str, Any]) -> dict[str, Any]:
        manifest["runs"][0]["project"] = manifest["runs"][0]["id"] = name
        return manifest

    from rltrack.store.archive import entry_prefix

    file = zipped(tmp_path / "x.zip", {}, manifest=change, prefix=entry_prefix(name, name))
    root = tmp_path / "inner" / "root"
    try:
        outcomes(file, root)
    except Error:
        return
    assert sorted(os.listdir(tmp_path)) == ["inner", "x.zip"]
    assert os.listdir(tmp_path / "inner") == ["root"]
    (project,) = root.iterdir()
    (run,) = project.iterdir()
    assert [path.name for path in run.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: [],
        lambda manifest: None,
        lambda manifest: {"format": 1},
        lambda manifest: {"format": 1, "runs": 5},
        lambda manifest: {"format": 1, "runs": [5]},
        lambda manifest: {"format": 1, "runs": [{}]},
        lambda manifest: manifest | {"format": 2},
        lambda manifest: manifest | {"runs": manifest["runs"] * 2},
        lambda manifest: {"format": 1, "runs": [manifest["runs"][0] | {"files": [["a"]]}]},
        lambda manifest: {"format": 1, "runs": [manifest["runs"][0] | {"files": []}]},
        lambda manifest: {"format": 1, "runs": [manifest["runs"][0] | {"heartbeat_ns": "x"}]},
    ],
)
def test_a_manifest_that_is_none_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any]
) -> None:
    """With an error of ours, whatever is in it."""
    refused(zipped(tmp_path / "x.zip", {"files/a": b"1"}, manifest=change), tmp_path)


@pytest.mark.parametrize("size", [-1, 2**70, True, "1", None, 3])
def test_a_size_must_be_the_files(tmp_path: Path, size: object) -> None:
    """It is what keeps a small zip from filling the disk."""

    def change(manifest: dict[str, Any]) -> dict[str, Any]:
        manifest["runs"][0]["files"][1][1] = size
        return manifest

    refused(zipped(tmp_path / "x.zip", {"files/a": b"1"}, manifest=change), tmp_path)


def test_a_checksum_must_be_the_files(tmp_path: Path) -> None:
    """Bits rot, and somebody may have meant it."""

    def change(manifest: dict[str, Any]) -> dict[str, Any]:
        manifest["runs"][0]["files"][1][2] = sha(b"2")
        return manifest

    file = zipped(tmp_path / "x.zip", {"files/a": b"1"}, manifest=change)
    refused(file, tmp_path, r"'files/a' of run 'r' is damaged: its checksum is another")


def test_entries_beside_the_manifest_are_refused(tmp_path: Path) -> None:
    """Whoever looked through the manifest must have seen all."""

    def more(archive: zipfile.ZipFile) -> None:
        archive.writestr("runs/p/r/files/more", b"1")

    refused(zipped(tmp_path / "x.zip", {}, entries=more), tmp_path, "other files than")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """One would be looked at and the other unpacked."""

    def again(archive: zipfile.ZipFile) -> None:
        archive.writestr("runs/p/r/run.json", FACTS)

    refused(zipped(tmp_path / "x.zip", {}, entries=again), tmp_path, "other files than")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFDIR])
def test_links_and_pipes_are_refused(tmp_path: Path, kind: int) -> None:
    """A link would lead the next file out of the run."""
    files = {"run.json": FACTS, "files/link": b"/etc"}
    run = {
        "project": "p",
        "id": "r",
        "heartbeat_ns": 5,
        "files": [[name, len(content), sha(content)] for name, content in files.items()],
    }
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"runs/p/r/{name}")
            entry.external_attr = ((kind if name == "files/link" else stat.S_IFREG) | 0o777) << 16
            archive.writestr(entry, content)
        archive.writestr(MANIFEST, json.dumps({"format": 1, "runs": [run]}))
    refused(tmp_path / "x.zip", tmp_path, "is no plain file")


def test_a_file_that_is_a_folder_too_is_refused(tmp_path: Path) -> None:
    """And nothing of the run stays."""
    refused(
        zipped(tmp_path / "x.zip", {"files/a": b"1", "files/a/b": b"2"}), tmp_path, "is damaged"
    )


def test_a_bomb_is_stopped_by_its_size_or_by_the_disk(tmp_path: Path) -> None:
    """What unpacks to more than it says is stopped where it does; what says so, before."""
    content = bytes(10 << 20)
    file = zipped(tmp_path / "x.zip", {"files/a": content})
    packed = bytearray(file.read_bytes())
    # Both headers say that the ten megabytes are one hundred bytes, and the manifest agrees.
    true, lie = struct.pack("<I", len(content)), struct.pack("<I", 100)
    assert packed.count(true) == 2
    shrunk = zipped(
        tmp_path / "y.zip",
        {"files/a": content},
        manifest=lambda manifest: json.loads(json.dumps(manifest).replace(f"{10 << 20}", "100")),
    )
    shrunk.write_bytes(shrunk.read_bytes().replace(true, lie))
    refused(shrunk, tmp_path)

    size = 2**62
    huge = zipped(
        tmp_path / "z.zip",
        {"files/a": b"1"},
        manifest=lambda manifest: json.loads(
            json.dumps(manifest).replace('a", 1,', f'a", {size},')
        ),
    )
    refused(huge, tmp_path, "and manifest.json says")


def test_a_zip_cut_or_flipped_anywhere_is_an_error_of_ours(tmp_path: Path) -> None:
    """Never a traceback, and never half a run."""
    record(tmp_path / "a")
    write_archive([run_folder(tmp_path / "a", "p", "one")], tmp_path / "x.zip")
    whole = (tmp_path / "x.zip").read_bytes()
    broken = tmp_path / "broken.zip"
    for at in range(0, len(whole), max(len(whole) // 60, 1)):
        flipped = bytearray(whole)
        flipped[at] ^= 0x41
        for content in (whole[:at], bytes(flipped)):
            broken.write_bytes(content)
            root = tmp_path / "root"
            try:
                outcomes(broken, root)
            except Error:
                assert not list(projects(root))
            else:  # a byte that says nothing, such as a date's
                assert contents(root / "p" / "one").keys() >= {"run.json", "files/empty"}
            shutil.rmtree(root, ignore_errors=True)


def test_what_is_no_archive_of_ours_is_told_so(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(UsageError, match="there is no file"):
        outcomes(tmp_path / "none.zip", tmp_path / "root")
    (tmp_path / "text.zip").write_text("no zip")
    refused(tmp_path / "text.zip", tmp_path, "is no whole zip")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", "b")
    (tmp_path / "other.zip").write_bytes(buffer.getvalue())
    refused(tmp_path / "other.zip", tmp_path, "was not written by `rltrack export")


# -- kills -----------------------------------------------------------------------------------------


def command(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "rltrack", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_until(true: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        assert process.poll() is None, "it was done before it could be killed"
        time.sleep(0.001)


@pytest.fixture
def large(tmp_path: Path) -> RunFolder:
    """A run that takes a moment to read and write."""
    folder = record(tmp_path / "a", "large")
    for number in range(200):
        (folder.files / f"{number:03}.bin").write_bytes(os.urandom(300_000))
    return folder


def test_an_export_that_is_killed_leaves_nothing_that_looks_like_one(
    large: RunFolder, tmp_path: Path
) -> None:
    """And the next one removes what it left."""
    out = tmp_path / "out" / "x.zip"
    arguments = ["export", "p/large", "-o", str(out), "--dir", str(tmp_path / "a")]
    process = command(*arguments)
    wait_until(
        lambda: (
            out.parent.is_dir()
            and any(path.stat().st_size > 1_000_000 for path in out.parent.iterdir())
        ),
        process,
    )
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert not out.exists()
    assert len(os.listdir(out.parent)) == 1
    assert command(*arguments).wait() == 0
    assert os.listdir(out.parent) == ["x.zip"]
    assert outcomes(out, tmp_path / "b") == [("p", "large", "new")]


def test_an_import_that_is_killed_leaves_no_run_that_is_half(
    large: RunFolder, tmp_path: Path
) -> None:
    """Readers see none, and the next import is as if there had been no other."""
    small = record(tmp_path / "a", "a small one")
    write_archive([small, large], tmp_path / "x.zip")
    root = tmp_path / "b"
    arguments = ["import", str(tmp_path / "x.zip"), "--dir", str(root)]
    staging = root / "p" / STAGING
    process = command(*arguments)
    wait_until(lambda: len(list(staging.glob("*/files/*.bin"))) > 20, process)
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert [folder.path.name for folder in run_folders(root, "p")] == ["a small one"]
    assert any(staging.iterdir())
    assert outcomes(tmp_path / "x.zip", root) == [
        ("p", "a small one", "there"),
        ("p", "large", "new"),
    ]
    assert sorted(os.listdir(root / "p")) == ["a small one", "large"]
    assert contents(root / "p" / "large").keys() >= {f"files/{n:03}.bin" for n in range(200)}


def test_two_imports_at_once_make_each_run_once(large: RunFolder, tmp_path: Path) -> None:
    """One of them may have to say that the other is at it."""
    write_archive([large], tmp_path / "x.zip")
    root = tmp_path / "b"
    both = [command("import", str(tmp_path / "x.zip"), "--dir", str(root)) for _ in range(2)]
    codes = [process.wait() for process in both]

    assert 0 in codes
    assert os.listdir(root / "p") == ["large"]
    assert outcomes(tmp_path / "x.zip", root) == [("p", "large", "there")]
