"""What the dashboard costs in a real browser: Chromium without a graphics card, which draws in software.

    python tests/benchmarks/browser.py [--keep FOLDER] [--only cold,lines,live,keys,table] [--seconds 30]
    python tests/benchmarks/browser.py --only heap [--minutes 10]

The runs are made first, by `rltrack.init` and `log`, and kept in FOLDER for the next time. Of redraws
and hovers it is the time of the page's main thread that is told, by Chromium's own count of tasks:
what a frame costs before it is rastered. On a busy machine every figure is larger.
"""

from __future__ import annotations

import argparse
import gzip
import math
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

import rltrack
from rltrack.server.page import STATIC
from rltrack.server.run import Background

QUIET: dict[str, Any] = {
    "silent": True,
    "provenance": False,
    "console": "off",
    "disable_stats": True,
}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

#: Tells when the first chart has points, in milliseconds since the page was asked for.
FIRST_CHART = """
const shown = '[data-testid="panel"][data-points]:not([data-points="0"])';
const look = () => {
  if (!window.firstChart && document.querySelector(shown)?.querySelector('[data-drawn]'))
    requestAnimationFrame(() => (window.firstChart ??= performance.now()));
  if (!window.firstChart) requestAnimationFrame(look);
};
look();
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shift += entry.value;
}).observe({ type: 'layout-shift', buffered: true });
"""

LIVE = """
import math, sys, time
import rltrack
settings = {"silent": True, "provenance": False, "console": "off", "disable_stats": True}
runs = [
    rltrack.init(project="live", dir=sys.argv[1], name=f"live {number}", settings=settings, reinit="create_new")
    for number in range(10)
]
def row(number, step):
    return {f"metrics/{key:02}": math.sin(step / (20 + key)) + number for key in range(20)}
for number, run in enumerate(runs):
    for step in range(1000):
        run.log(row(number, step))
print("ready", flush=True)
for step in range(1000, 100_000):
    began = time.time()
    for number, run in enumerate(runs):
        run.log(row(number, step))
    print(step, began, flush=True)
    time.sleep(max(0.0, began + float(sys.argv[2]) - time.time()))
"""


def tell(what: str, seen: str, bound: str = "", beside: str = "") -> None:
    """A line of the table."""
    print(f"{what:<62} {seen:>12}   {bound:<12} {beside}", flush=True)


# -- what is looked at -----------------------------------------------------------------------------


def make(
    root: Path,
    project: str,
    runs: int,
    rows: Callable[[int], Iterator[dict[str, float]]],
    **more: Any,
) -> None:
    """Runs that have ended; nothing where they are there already."""
    if (root / project).exists():
        return
    for number in range(runs):
        config = {"lr": 10 ** -(number % 5), "seed": number} | {
            key: value(number) for key, value in more.items()
        }
        with rltrack.init(
            project=project, dir=str(root), name=f"run {number}", config=config, settings=QUIET
        ) as run:
            for row in rows(number):
                run.log(row)


def curve(rows: int) -> Callable[[int], Iterator[dict[str, float]]]:
    """A return that rises, each run's otherwise."""

    def of(number: int) -> Iterator[dict[str, float]]:
        for step in range(rows):
            noise = math.sin(step * (1.7 + number / 100)) * 8
            yield {"return": 500 * (1 - math.exp(-3 * step / rows)) + number / 5 + noise}

    return of


def prepare(root: Path, only: set[str]) -> None:
    """All projects that are asked for."""
    if "cold" in only:
        make(root, "thousand", 1000, curve(300))
    if "lines" in only:
        make(root, "lines", 100, curve(2000))
    if "keys" in only:
        make(
            root,
            "keys",
            1,
            lambda number: (
                {f"group{key // 100}/metric{key}": float(step * key) for key in range(10_000)}
                for step in range(20)
            ),
        )
    if "table" in only:
        wide = {f"c{key}": lambda number, key=key: number * (key + 1) % 997 for key in range(40)}
        make(
            root,
            "table",
            10_000,
            lambda number: iter([{f"s{key}": float(number * key % 101) for key in range(20)}]),
            **wide,
        )


# -- measuring -------------------------------------------------------------------------------------


class Watched:
    """A page of which it is known how long its main thread works."""

    def __init__(self, browser: Browser, width: int = 1400, height: int = 900) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, bypass_csp=True
        )
        self.page: Page = self.context.new_page()
        self.page.add_init_script(FIRST_CHART)
        self._cdp: CDPSession = self.context.new_cdp_session(self.page)
        self._cdp.send("Performance.enable")

    def metrics(self) -> dict[str, float]:
        """Chromium's counters."""
        found = self._cdp.send("Performance.getMetrics")["metrics"]
        return {one["name"]: one["value"] for one in found}

    def busy_ms(self, act: Callable[[], object]) -> float:
        """Main-thread time of what is done, with the two frames that follow."""
        before = self.metrics()["TaskDuration"]
        act()
        self.page.evaluate(
            "new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"
        )
        return (self.metrics()["TaskDuration"] - before) * 1e3

    def heap_mb(self) -> float:
        """After a collection."""
        self._cdp.send("HeapProfiler.collectGarbage")
        return self.metrics()["JSHeapUsedSize"] / 1e6

    def first_chart_ms(self, url: str) -> float:
        """From asking for the page to the first chart with points."""
        self.page.goto(url)
        self.page.wait_for_function("window.firstChart", timeout=60_000)
        return float(self.page.evaluate("window.firstChart"))


@contextmanager
def watched(browser: Browser, **size: int) -> Iterator[Watched]:
    """A page with nothing in its cache."""
    page = Watched(browser, **size)
    try:
        yield page
    finally:
        page.context.close()


def shell() -> None:
    """What is loaded before anything is shown."""
    index = (STATIC / "index.html").read_text()
    names = re.findall(r'(?:src|href)="/(assets/[^"]+\.(?:js|css))"', index)
    size = sum(len(gzip.compress((STATIC / name).read_bytes(), 9)) for name in names)
    tell("shell, gzipped (script and styles)", f"{size / 1e3:.0f} kB", "<= 400 kB")


def cold(browser: Browser, url: str) -> None:
    """The first chart of a large project."""
    seen = []
    for _ in range(5):
        with watched(browser) as page:
            seen.append(page.first_chart_ms(f"{url}/p/thousand"))
    beside = f"the first {seen[0]:.0f} ms, with a cold server"
    tell(
        "first chart, 1000 runs, cold page",
        f"{statistics.median(seen[1:]):.0f} ms",
        "<= 700 ms",
        beside,
    )
    with watched(browser) as page:
        all_of_them = page.first_chart_ms(f"{url}/p/thousand?runs=all")
    tell("  the same, with 500 of them drawn", f"{all_of_them:.0f} ms")


def lines(browser: Browser, url: str) -> None:
    """A hundred lines of two thousand points each."""
    with watched(browser, width=2200, height=1200) as page:
        page.first_chart_ms(f"{url}/p/lines?runs=all&list=folded&panel=return")
        chart = page.page.locator("dialog .u-over")
        chart.wait_for()
        panel = page.page.locator(
            'dialog [data-testid="panel"][data-exact="true"][data-lines="100"]'
        )
        panel.wait_for(timeout=30_000)
        box = chart.bounding_box()
        assert box
        mouse, middle = page.page.mouse, box["y"] + box["height"] / 2

        steps = 20
        page.page.keyboard.down("Shift")
        mouse.move(box["x"] + 900, middle)
        mouse.down()
        pans = [
            page.busy_ms(partial(mouse.move, box["x"] + 900 + 8 * at, middle))
            for at in range(1, steps)
        ]
        mouse.up()
        page.page.keyboard.up("Shift")
        beside = f"{steps} steps, slowest {max(pans):.0f} ms"
        tell(
            "100 lines x 2000 points: a step of a pan",
            f"{statistics.median(pans):.1f} ms",
            "<= 25 ms",
            beside,
        )
        page.page.wait_for_timeout(1500)
        hovers = [
            page.busy_ms(partial(mouse.move, box["x"] + 300 + 11 * at, middle - 4 * at))
            for at in range(40)
        ]
        beside = f"slowest {max(hovers):.0f} ms: another line is lit"
        tell("  a step of a hover", f"{statistics.median(hovers):.1f} ms", "<= 8 ms", beside)


def live(browser: Browser, url: str, root: Path, seconds: int) -> None:
    """Twenty charts of ten lines each, all of which grow every second; and how late a row is."""
    shutil.rmtree(root / "live", ignore_errors=True)
    training = subprocess.Popen(
        [sys.executable, "-c", LIVE, str(root), "1"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert training.stdout
        training.stdout.readline()
        with watched(browser, width=2000, height=2400) as page:
            page.first_chart_ms(f"{url}/p/live?list=folded")
            page.page.wait_for_timeout(5000)
            shift, heap = page.page.evaluate("window.shift"), page.heap_mb()
            before, began = page.metrics()["TaskDuration"], time.time()
            page.page.wait_for_timeout(seconds * 1e3)  # nobody asks the page anything meanwhile
            busy = (page.metrics()["TaskDuration"] - before) * 1e3 / (time.time() - began)
            late, began = [], time.time()
            while time.time() - began < seconds:
                step, logged = training.stdout.readline().split()
                if time.time() - float(logged) > 0.3:
                    continue  # what was printed while something else was looked at
                page.page.wait_for_function(
                    "(step) => [...document.querySelectorAll('[data-testid=panel]')]"
                    ".some((panel) => Number(panel.dataset.lastX) >= step)",
                    arg=int(step),
                    polling=50,
                )
                late.append(time.time() - float(logged))
            grown = page.heap_mb() - heap
            shifted = page.page.evaluate("window.shift") - shift
        tell("20 charts x 10 live lines, main thread a second", f"{busy:.0f} ms", "<= 40 ms")
        tell("  layout shift", f"{shifted:.3f}", "0")
        tell(
            "  heap, after a collection",
            f"{grown:+.1f} MB",
            "flat",
            f"of {heap:.0f} MB, in {2 * seconds} s",
        )
        if late:
            beside = f"{len(late)} rows, slowest {max(late):.2f} s"
            tell(
                "a logged row, to the screen", f"{statistics.median(late):.2f} s", "<= 1 s", beside
            )
    finally:
        training.kill()
        training.communicate()


def heap(browser: Browser, url: str, root: Path, minutes: float) -> None:
    """Live charts that are left open: five rows a second, so that ten minutes are most of an hour."""
    shutil.rmtree(root / "live", ignore_errors=True)
    training = subprocess.Popen(
        [sys.executable, "-c", LIVE, str(root), "0.2"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert training.stdout
        training.stdout.readline()
        with watched(browser, width=2000, height=2400) as page:
            page.first_chart_ms(f"{url}/p/live?list=folded")
            page.page.wait_for_timeout(20_000)
            seen = [page.heap_mb()]
            nodes = page.metrics()["Nodes"]
            until = time.time() + minutes * 60
            while time.time() < until:
                page.page.wait_for_timeout(min(30_000, minutes * 15_000))
                seen.append(page.heap_mb())
            beside = f"from {seen[0]:.1f} to {seen[-1]:.1f} MB, most {max(seen):.1f}"
            more = page.metrics()["Nodes"] - nodes
            tell(
                f"live charts, {minutes:g} minutes: heap",
                f"{seen[-1] - seen[0]:+.1f} MB",
                "flat",
                beside,
            )
            tell("  nodes of the page", f"{more:+.0f}", "flat", f"of {nodes:.0f}")
    finally:
        training.kill()
        training.communicate()


def keys(browser: Browser, url: str) -> None:
    """Ten thousand metrics."""
    with watched(browser) as page:
        first = page.first_chart_ms(f"{url}/p/keys")
        tell("10,000 metrics of a run: first chart", f"{first:.0f} ms", "<= 1500 ms")
        page.page.wait_for_timeout(1000)
        nodes = page.metrics()["Nodes"]
        typed = page.busy_ms(lambda: page.page.get_by_test_id("metric-filter").fill("metric77"))
        tell(
            "  typing in the filter, main thread",
            f"{typed:.0f} ms",
            "",
            f"{nodes:,.0f} nodes before",
        )
        page.page.get_by_test_id("metric-filter").fill("")
        page.page.wait_for_timeout(1000)
        frames = page.page.evaluate(SCROLL, ["html", 60])
        tell(
            "  a frame of scrolling",
            f"{statistics.median(frames):.1f} ms",
            "<= 16.7 ms",
            f"95 %: {sorted(frames)[-len(frames) // 20]:.0f} ms",
        )


SCROLL = """
async ([what, by]) => {
  const element = document.querySelector(what), frames = [];
  let before = await new Promise(requestAnimationFrame);
  for (let i = 0; i < 120; i++) {
    element.scrollTop += by;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
  }
  return frames;
}
"""


def table(browser: Browser, url: str) -> None:
    """Ten thousand runs, sixty columns."""
    columns = ",".join(
        [f":config.c{key}" for key in range(40)] + [f":summary.s{key}" for key in range(20)]
    )
    with watched(browser) as page:
        page.page.goto(f"{url}/p/table?list=wide&runs=none&cols={columns}")
        page.page.get_by_test_id("run-row").first.wait_for(timeout=120_000)
        page.page.evaluate("window.firstChart = -1")  # there is none, and nobody waits for it
        page.page.wait_for_timeout(1000)
        frames = page.page.evaluate(SCROLL, ["[data-testid=run-table]", 90])
        tell(
            "table of 10,000 runs x 60: a frame of scrolling",
            f"{statistics.median(frames):.1f} ms",
            "<= 16.7 ms",
            f"95 %: {sorted(frames)[-len(frames) // 20]:.0f} ms",
        )
        heads = page.page.get_by_role("columnheader")
        boxes = [
            heads.get_by_role("button", name=name, exact=True).first.bounding_box()
            for name in ("c1", "c2", "c3", "c4", "c5")
        ]
        # A press by place: to look for a button by its name costs the page's main thread as well.
        middles = [
            (one["x"] + one["width"] / 2, one["y"] + one["height"] / 2) for one in boxes if one
        ]
        sorts = [page.busy_ms(partial(page.page.mouse.click, *at)) for at in middles]
        page.page.locator('[data-field="config.c5"][aria-sort="descending"]').wait_for()
        tell("  sort by a column", f"{statistics.median(sorts):.0f} ms", "<= 50 ms")
        box = page.page.get_by_test_id("run-filter")
        filters = [page.busy_ms(partial(box.fill, text)) for text in ("run 7", "run 77", "77")]
        tell("  filter by a text", f"{statistics.median(filters):.0f} ms", "<= 50 ms")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="where the runs are, and stay")
    parser.add_argument("--only", default="cold,lines,live,keys,table")
    parser.add_argument("--seconds", type=int, default=30, help="how long live runs are watched")
    parser.add_argument(
        "--minutes", type=float, default=10, help="of `heap`, which runs only where it is named"
    )
    options = parser.parse_args()
    only = set(options.only.split(","))
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("no Chromium: install Debian's package chromium")
    with tempfile.TemporaryDirectory() as temporary:
        root = options.keep or Path(temporary)
        root.mkdir(parents=True, exist_ok=True)
        prepare(root, only)
        shell()
        with Background(root, port=0) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            if "cold" in only:
                cold(browser, server.url)
            if "lines" in only:
                lines(browser, server.url)
            if "keys" in only:
                keys(browser, server.url)
            if "table" in only:
                table(browser, server.url)
            if "live" in only:
                live(browser, server.url, root, options.seconds)
            if "heap" in only:
                heap(browser, server.url, root, options.minutes)
            browser.close()


if __name__ == "__main__":
    main()
