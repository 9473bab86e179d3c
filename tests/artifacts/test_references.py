"""Files that stay elsewhere: on this disk, on the web, in an object store."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import rltrack
from rltrack.errors import ArtifactError, UsageError


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="p", id="r", settings={"quiet": True})


def test_a_folder_of_this_disk(run: rltrack.Run, root: Path, tmp_path: Path) -> None:
    """By checksums; nothing is copied until it is fetched."""
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    (data / "a b.txt").write_text("hello")
    (data / "sub" / "c.txt").write_text("there")
    artifact = rltrack.Artifact("data", "dataset")
    entries = artifact.add_reference(data.as_uri(), name="in")
    run.log_artifact(artifact)
    got = Path(artifact.download(tmp_path / "got"))

    assert [entry.path for entry in entries] == ["in/a b.txt", "in/sub/c.txt"]
    assert entries[0].ref_target() == (data / "a b.txt").as_uri()
    assert artifact.size == 10
    assert (got / "in" / "a b.txt").read_text() == "hello"
    assert sum(p.is_file() for p in (root / "artifacts" / "blobs").rglob("*")) == 1  # the list
    artifact.verify(got)


def test_another_file_of_the_same_name_is_told(run: rltrack.Run, tmp_path: Path) -> None:
    """A result must not change because a file did."""
    file = tmp_path / "a.txt"
    file.write_text("hello")
    artifact = rltrack.Artifact("data", "dataset")
    artifact.add_reference(file.as_uri())
    plain = rltrack.Artifact("plain", "dataset")
    plain.add_reference(file.as_uri(), checksum=False)
    run.log_artifact(artifact)
    run.log_artifact(plain)
    file.write_text("HELLO")

    with pytest.raises(ArtifactError, match="is not the file that was logged"):
        artifact.download(tmp_path / "got")
    assert Path(plain.file(tmp_path / "plain")).read_text() == "HELLO"
    file.unlink()
    with pytest.raises(ArtifactError, match="no such file any more"):
        plain.download(tmp_path / "gone")
    plain.download(tmp_path / "gone", allow_missing_references=True)
    assert not list((tmp_path / "gone").iterdir())


def test_what_is_no_reference(tmp_path: Path) -> None:
    """Each says why."""
    artifact = rltrack.Artifact("data", "dataset")
    with pytest.raises(UsageError, match="no scheme"):
        artifact.add_reference("data.csv")
    with pytest.raises(ArtifactError, match="no such file or folder"):
        artifact.add_reference("file:///nowhere/at/all")
    with pytest.raises(UsageError, match="name an absolute path"):
        artifact.add_reference("file://data/x.csv")
    (tmp_path / "a").write_text("")
    (tmp_path / "b").write_text("")
    with pytest.raises(UsageError, match="max_objects=1"):
        artifact.add_reference(tmp_path.as_uri(), max_objects=1)
    with pytest.raises(ArtifactError, match="does not answer"):
        artifact.add_reference("http://127.0.0.1:9/x")


def test_a_store_that_rltrack_does_not_know(run: rltrack.Run, tmp_path: Path) -> None:
    """It is remembered, and not fetched."""
    artifact = rltrack.Artifact("data", "dataset")
    (entry,) = artifact.add_reference("gs://bucket/folder/train.tfrecord")
    run.log_artifact(artifact)

    assert (entry.path, entry.ref) == ("train.tfrecord", "gs://bucket/folder/train.tfrecord")
    with pytest.raises(ArtifactError, match="allow_missing_references"):
        artifact.download(tmp_path)


def test_a_file_of_another_artifact(run: rltrack.Run, tmp_path: Path) -> None:
    """Its contents are there already."""
    first = rltrack.Artifact("first", "dataset")
    with first.new_file("x") as file:
        file.write("hello")
    run.log_artifact(first)
    second = rltrack.Artifact("second", "dataset")
    second.add_reference(first.get_entry("x"), name="y")
    run.log_artifact(second)

    assert Path(second.file(tmp_path)).read_text() == "hello"
    with pytest.raises(UsageError, match="is no reference"):
        second.get_entry("y").ref_target()


class _Web(http.server.BaseHTTPRequestHandler):
    body, etag = b"hello", '"1"'

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()
        self.wfile.write(self.body)

    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("ETag", self.etag)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """A test prints nothing."""


@pytest.fixture
def web() -> Iterator[str]:
    """The address of a web server with one file."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_of_the_web(
    run: rltrack.Run, web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its ETag."""
    artifact = rltrack.Artifact("data", "dataset")
    (entry,) = artifact.add_reference(f"{web}/folder/train.csv")
    run.log_artifact(artifact)

    assert (entry.path, entry.digest, entry.size) == ("train.csv", "1", 5)
    assert Path(artifact.file(tmp_path)).read_text() == "hello"
    monkeypatch.setattr(_Web, "etag", '"2"')
    with pytest.raises(ArtifactError, match="is not the file that was logged"):
        artifact.download(tmp_path / "later")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of an object store that answers over HTTP."""
    boto3 = pytest.importorskip("boto3")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="data")
    yield "data"
    server.stop()


def test_objects_of_a_store(run: rltrack.Run, bucket: str, tmp_path: Path) -> None:
    """One, or all below a prefix, by their ETags."""
    import boto3

    client = boto3.client("s3")
    for key, body in {"in/a.txt": b"hello", "in/sub/b.txt": b"there", "inside": b"no"}.items():
        client.put_object(Bucket=bucket, Key=key, Body=body)
    artifact = rltrack.Artifact("data", "dataset")
    found = [
        *artifact.add_reference(f"s3://{bucket}/in", name="all"),
        *artifact.add_reference(f"s3://{bucket}/in/a.txt"),
    ]
    run.log_artifact(artifact)
    got = Path(artifact.download(tmp_path / "got"))

    assert [entry.path for entry in found] == ["all/a.txt", "all/sub/b.txt", "a.txt"]
    assert (got / "all" / "sub" / "b.txt").read_bytes() == b"there"
    assert (got / "a.txt").read_bytes() == b"hello"
    client.put_object(Bucket=bucket, Key="in/a.txt", Body=b"HELLO")
    with pytest.raises(ArtifactError, match="is not the file that was logged"):
        artifact.download(tmp_path / "later")
    with pytest.raises(ArtifactError, match="no such object"):
        artifact.new_draft().add_reference(f"s3://{bucket}/nothing")
