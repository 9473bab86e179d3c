"""What artifacts take: a folder of many small files, one large file, and the next version of it.

    python tests/benchmarks/artifacts.py [--files 100000] [--gib 2] [--root FOLDER]

The floor is the same work by hand in the same run: SHA-256 of each file and a copy of it, in one
thread. The issue's sizes are ``--files 1000000`` and ``--gib 20``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import rltrack


def seconds(work: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def make_files(folder: Path, count: int) -> None:
    """Files of a kibibyte, a thousand in each folder."""
    for number in range(count):
        if number % 1000 == 0:
            (folder / str(number // 1000)).mkdir(parents=True)
        path = folder / str(number // 1000) / f"{number}.bin"
        path.write_bytes(number.to_bytes(8, "little") * 128)


def make_large(path: Path, gib: float) -> None:
    """A file that no file system stores as nothing."""
    piece = os.urandom(1 << 20)
    with path.open("wb") as file:
        for number in range(int(gib * 1024)):
            file.write(number.to_bytes(8, "little") + piece[8:])


def by_hand(source: Path, target: Path) -> None:
    """SHA-256 and a copy of each file."""
    for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            place = target / digest[:2]
            place.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place / digest)


def log(run: rltrack.Run, source: Path, policy: str) -> rltrack.Artifact:
    """A version of a file or folder."""
    artifact = rltrack.Artifact(f"{source.name}-{policy}", "dataset")
    if source.is_dir():
        artifact.add_dir(source, policy=policy)  # type: ignore[arg-type]
    else:
        artifact.add_file(source, policy=policy)  # type: ignore[arg-type]
    return run.log_artifact(artifact)


def figures(run: rltrack.Run, source: Path, root: Path, what: str) -> None:
    """Print what one source takes, and the floor; the source is gone before it is downloaded."""
    floor = seconds(lambda: by_hand(source, root / "by-hand"))
    shutil.rmtree(root / "by-hand")
    first = seconds(lambda: log(run, source, "mutable"))
    again = seconds(lambda: log(run, source, "mutable"))
    shutil.rmtree(source) if source.is_dir() else source.unlink()
    got = root / "got"
    download = seconds(lambda: run.use_artifact(f"{source.name}-mutable").download(got))
    shutil.rmtree(got)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what}: hash and copy by hand {floor:.2f} s")
    print(f"  log_artifact            {first:8.2f} s   {first / floor:5.2f} x the floor")
    print(f"  the same files again    {again:8.2f} s   {again / floor:5.2f} x")
    print(f"  download, verified      {download:8.2f} s   {download / floor:5.2f} x")
    print(f"  greatest memory so far  {peak:8.0f} MiB")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--gib", type=float, default=2.0)
    parser.add_argument("--root", help="a folder on the disk to be measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.root) as folder:
        root = Path(folder)
        run = rltrack.init(project="bench", dir=root / "runs", settings={"quiet": True})
        make_files(root / "small", options.files)
        figures(run, root / "small", root, f"{options.files:,} files of 1 KiB")
        make_large(root / "large", options.gib)
        figures(run, root / "large", root, f"one file of {options.gib:g} GiB")
        run.finish()


if __name__ == "__main__":
    main()
