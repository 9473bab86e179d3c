"""What `import rltrack` adds to Python's start, and what a run of nothing costs.

    python tests/benchmarks/import_and_init.py [--rounds 30]

Both are measured in fresh processes, since they happen once in each: Python alone and Python
with the import take turns, and the difference of their medians is the import. `init` and
`finish` are timed inside of such a process, without provenance, in a folder on the disk.
Modules are compiled before, as they are where rltrack was installed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUN = """
import time
start = time.perf_counter()
import rltrack
imported = time.perf_counter()
rltrack.init(project="p", dir="runs", settings={"silent": True, "provenance": False}).finish()
print(imported - start, time.perf_counter() - imported)
"""


def start(code: str, folder: Path) -> str:
    """What a Python process prints that runs `code`."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout


def process_ms(code: str, folder: Path) -> float:
    """How long a Python process takes that runs `code`."""
    before = time.perf_counter()
    start(code, folder)
    return (time.perf_counter() - before) * 1000


def run_ms(folder: Path) -> tuple[float, float]:
    """Import, and init with finish, as the process itself saw them."""
    imported, ran = (float(word) * 1000 for word in start(RUN, folder).split())
    return imported, ran


def verdict(ms: float, bound: float) -> str:
    """A time beside its bound."""
    return f"{ms:8.1f} ms   (bound ≤ {bound:g} ms: {'holds' if ms <= bound else 'MISSED'})"


def main() -> None:
    """Measure, and print what it says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    bare, with_import, inside, runs = [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_ms(folder)
        for _ in range(rounds):
            bare.append(process_ms("pass", folder))
            with_import.append(process_ms("import rltrack", folder))
            imported, ran = run_ms(folder)
            inside.append(imported)
            runs.append(ran)
    median = statistics.median
    print(f"medians of {rounds} rounds, and the least of each")
    print(f"python -c pass                  {median(bare):8.1f} ms   ({min(bare):.1f})")
    print(
        f"python -c 'import rltrack'      {median(with_import):8.1f} ms   ({min(with_import):.1f})"
    )
    print(f"import rltrack, over bare       {verdict(median(with_import) - median(bare), 40)}")
    print(f"import rltrack, by its own clock{median(inside):8.1f} ms   ({min(inside):.1f})")
    print(f"init and finish, after import   {verdict(median(runs), 15)}   ({min(runs):.1f})")


if __name__ == "__main__":
    main()
