"""Files that stay elsewhere: what an artifact remembers of them, and how they are fetched.

    file://   a file or a folder of this machine; checksum: SHA-256
    http(s):  one file; checksum: its ETag, else its date and size
    s3://     an object, or all below a prefix; checksum: its ETag (`rltrack[s3]`)
    others    remembered as they are, and told to nobody

The checksum is compared when a reference is fetched, so that another file under the same name is
an error, and not another result.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from rltrack.artifacts.blobs import digest_of
from rltrack.artifacts.manifest import Entry, checked_path
from rltrack.errors import ArtifactError, UsageError
from rltrack.extras import require

MAX_OBJECTS: Final = 10_000_000
_TIMEOUT_S: Final = 30.0


def entries_of(uri: str, name: str | None, *, checksum: bool, max_objects: int) -> Iterator[Entry]:
    """What a reference amounts to: an entry for each file.

    Args:
        uri: where the files are.
        name: path in the artifact; of many files, their folder there.
        checksum: whether to ask for checksums; without, only the URI counts.
        max_objects: of a folder or prefix, how many at most.

    Raises:
        UsageError: the URI is none, or there are more objects than that.
        ArtifactError: there is nothing, or it does not answer.
    """
    parts = urllib.parse.urlsplit(uri)
    if not parts.scheme:
        raise UsageError(f"reference {uri!r} has no scheme; an example: file:///data/train.csv")
    if parts.scheme == "file":
        found = _in_folder(uri, name, checksum, max_objects)
    elif checksum and parts.scheme in ("http", "https"):
        found = iter([_over_http(uri, name)])
    elif checksum and parts.scheme == "s3":
        found = _in_bucket(uri, name, max_objects)
    else:
        found = iter([_plain(uri, name or _last_part(uri))])
    return found


def fetch(entry: Entry, target: Path) -> None:
    """Write the file that a reference means.

    Raises:
        ArtifactError: it is gone, is another file by now, or nothing here can fetch it.
        OSError: `target` cannot be written.
    """
    uri = entry.ref
    assert uri is not None
    scheme = urllib.parse.urlsplit(uri).scheme
    fetchers: dict[str, Callable[[Entry, str, Path], None]] = {
        "file": _fetch_file,
        "http": _fetch_http,
        "https": _fetch_http,
        "s3": _fetch_object,
    }
    if scheme not in fetchers:
        raise ArtifactError(
            f"{uri} is a reference of a kind that rltrack cannot fetch; "
            "download(allow_missing_references=True) leaves it out"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name[:100]}.part")
    try:
        fetchers[scheme](entry, uri, part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _plain(uri: str, path: str) -> Entry:
    """An entry of which nothing is known but where it is."""
    digest = hashlib.sha256(uri.encode("utf-8", "surrogatepass")).hexdigest()
    return Entry(checked_path(path), digest, 0, {"ref": uri, "checksum": False})


def _last_part(uri: str) -> str:
    parts = urllib.parse.urlsplit(uri)
    return parts.path.rstrip("/").rsplit("/", 1)[-1] or parts.netloc or "reference"


def _check(entry: Entry, found: str, uri: str) -> None:
    if entry.extra.get("checksum", True) and found != entry.digest:
        raise ArtifactError(
            f"{uri} is not the file that was logged: its checksum is {found}, and was {entry.digest}"
        )


# -- files -------------------------------------------------------------------------------------


def _path_of(uri: str) -> Path:
    parts = urllib.parse.urlsplit(uri)
    if parts.netloc not in ("", "localhost"):
        raise UsageError(f"{uri}: file references start with file:///, and name an absolute path")
    return Path(urllib.request.url2pathname(parts.path))


def _in_folder(uri: str, name: str | None, checksum: bool, max_objects: int) -> Iterator[Entry]:
    place = _path_of(uri)
    if not place.exists():
        raise ArtifactError(f"{uri}: there is no such file or folder")
    if place.is_file():
        yield _file_entry(place, name or place.name, checksum)
        return
    files = sorted(path for path in place.rglob("*") if path.is_file())
    if len(files) > max_objects:
        raise UsageError(f"{uri} has {len(files)} files; max_objects={max_objects}")
    for path in files:
        inside = path.relative_to(place).as_posix()
        yield _file_entry(path, f"{name}/{inside}" if name else inside, checksum)


def _file_entry(path: Path, name: str, checksum: bool) -> Entry:
    uri = path.absolute().as_uri()
    if not checksum:
        return _plain(uri, name)
    return Entry(checked_path(name), digest_of(path), path.stat().st_size, {"ref": uri})


def _fetch_file(entry: Entry, uri: str, part: Path) -> None:
    place = _path_of(uri)
    if not place.is_file():
        raise ArtifactError(f"{uri}: there is no such file any more")
    shutil.copyfile(place, part)
    _check(entry, digest_of(part), uri)


# -- the web -----------------------------------------------------------------------------------


def _ask(uri: str, method: str) -> Any:
    request = urllib.request.Request(uri, method=method, headers={"User-Agent": "rltrack"})
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except (urllib.error.URLError, OSError, ValueError) as refusal:
        raise ArtifactError(f"{uri} does not answer: {refusal}") from refusal


def _etag(headers: Any) -> str:
    """What tells one content from the next."""
    etag = str(headers.get("ETag", "")).removeprefix("W/").strip('"')
    return etag or f"{headers.get('Last-Modified', '')}/{headers.get('Content-Length', '')}"


def _over_http(uri: str, name: str | None) -> Entry:
    with _ask(uri, "HEAD") as answer:
        size = int(answer.headers.get("Content-Length") or 0)
        return Entry(
            checked_path(name or _last_part(uri)), _etag(answer.headers), size, {"ref": uri}
        )


def _fetch_http(entry: Entry, uri: str, part: Path) -> None:
    with _ask(uri, "GET") as answer, part.open("wb") as file:
        _check(entry, _etag(answer.headers), uri)
        shutil.copyfileobj(answer, file, 1 << 20)


# -- object stores -----------------------------------------------------------------------------


def _bucket(uri: str) -> tuple[Any, str]:
    """The store and the key of an URI; credentials and endpoint come from ``AWS_…`` variables."""
    parts = urllib.parse.urlsplit(uri)
    require("obstore", extra="s3")
    import obstore.store

    plain_http = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    options: Any = {"allow_http": plain_http}
    try:
        store = obstore.store.S3Store(parts.netloc, client_options=options)
        return store, parts.path.lstrip("/")
    except Exception as refusal:  # of a kind that only obstore knows
        raise ArtifactError(f"{uri} cannot be reached: {refusal}") from refusal


def _in_bucket(uri: str, name: str | None, max_objects: int) -> Iterator[Entry]:
    store, key = _bucket(uri)
    bucket = urllib.parse.urlsplit(uri).netloc
    try:
        listed = _listed(store, key)
    except Exception as refusal:  # of a kind that only obstore knows
        raise ArtifactError(f"{uri} cannot be listed: {refusal}") from refusal
    if not listed:
        raise ArtifactError(f"{uri}: there is no such object, and none below it")
    if len(listed) > max_objects:
        raise UsageError(f"{uri} has more than max_objects={max_objects} objects")
    for about in sorted(listed, key=lambda about: str(about["path"])):
        inside = about["path"].removeprefix(key).lstrip("/")
        path = "/".join(part for part in (name, inside) if part) or _last_part(uri)
        extra: dict[str, Any] = {"ref": f"s3://{bucket}/{about['path']}"}
        if about.get("version"):
            extra["version"] = about["version"]
        yield Entry(checked_path(path), str(about["e_tag"]).strip('"'), about["size"], extra)


def _listed(store: Any, key: str) -> list[Any]:
    """The object of a key; if there is none, those below it."""
    if key and not key.endswith("/"):
        try:
            return [store.head(key)]
        except FileNotFoundError:
            pass
    return [about for chunk in store.list(prefix=key or None) for about in chunk]


def _fetch_object(entry: Entry, uri: str, part: Path) -> None:
    store, key = _bucket(uri)
    try:
        # Of a bucket that keeps versions, the one that was logged.
        options = {"version": entry.extra["version"]} if entry.extra.get("version") else None
        answer = store.get(key, options=options)
        _check(entry, str(answer.meta["e_tag"]).strip('"'), uri)
        with part.open("wb") as file:
            for chunk in answer.stream():
                file.write(chunk)
    except ArtifactError:
        raise
    except Exception as refusal:
        raise ArtifactError(f"{uri} cannot be fetched: {refusal}") from refusal
