"""The `rltrack` command: look at runs, serve the dashboard, see a training happen."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rltrack._values import finite
from rltrack._version import __version__
from rltrack.errors import Error, NotFoundError
from rltrack.settings import resolve

if TYPE_CHECKING:
    from rltrack.api import Api, Run

EXAMPLES = """\
examples:
  rltrack demo                  train PPO with three seeds and watch it in the browser
  rltrack ui                    serve the dashboard of ./rltrack-runs
  rltrack ls                    the projects of this folder
  rltrack ls cartpole           the runs of a project
  rltrack show bold-otter-3     one run: config, summary, environment
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, 1 after an error, 2 after a wrong call."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except Error as error:
        print(f"rltrack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `rltrack ls | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rltrack",
        description="Experiment tracking for reinforcement learning, on your own disk.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"rltrack {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str, command: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.add_argument(
            "--dir", help="folder of all projects (default: RLTRACK_DIR or ./rltrack-runs)"
        )
        sub.set_defaults(command=command)
        return sub

    ls = add("ls", _ls, "list projects, or the runs of one")
    ls.add_argument("project", nargs="?", help="a project; without it, the projects are listed")
    ls.add_argument("--json", action="store_true", help="print JSON")

    show = add("show", _show, "show one run: config, summary, environment")
    show.add_argument("run", help="its id, its name, or project/id")
    show.add_argument("--json", action="store_true", help="print JSON")

    ui = add("ui", _ui, "serve the dashboard")
    ui.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    ui.add_argument(
        "--port", type=int, default=7777, help="port to listen on (default: %(default)s)"
    )
    ui.add_argument("--open", action="store_true", help="open the page in the browser")

    demo = add("demo", _demo, "train PPO on CartPole with a few seeds and watch it in the browser")
    demo.add_argument("--seeds", type=int, default=3, help="how many runs (default: %(default)s)")
    demo.add_argument(
        "--timesteps", type=int, default=60_000, help="env steps of each run (default: %(default)s)"
    )
    demo.add_argument(
        "--port", type=int, default=7777, help="port of the page (default: %(default)s)"
    )
    demo.add_argument(
        "--no-stay", dest="stay", action="store_false", help="end once the training has ended"
    )
    return parser


# -- commands ------------------------------------------------------------------------------------


def _root(options: argparse.Namespace) -> Path:
    return Path(resolve(dir=options.dir).dir or ".").absolute()


def _ls(options: argparse.Namespace) -> int:
    from rltrack.api import Api

    api = Api(_root(options))
    if options.project is None:
        return _ls_projects(api, as_json=options.json)
    runs = list(api.runs(options.project))
    if options.json:
        _print_json([_facts(run) for run in runs])
        return 0
    _print_table(
        ["NAME", "ID", "STATE", "STARTED", "STEPS", "SUMMARY"],
        [
            [
                run.name,
                run.id,
                run.state,
                _ago(run.created_at),
                _count(run.lastHistoryStep),
                _brief(run.summary),
            ]
            for run in runs
        ],
    )
    return 0


def _ls_projects(api: Api, *, as_json: bool) -> int:
    rows: list[list[object]] = []
    for project in api.projects():
        runs = list(api.runs(project))
        running = sum(run.state == "running" for run in runs)
        rows.append([project, len(runs), running, max(run.created_at for run in runs)])
    if as_json:
        names = ("project", "runs", "running", "latest")
        _print_json([dict(zip(names, row, strict=True)) for row in rows])
    elif not rows:
        print(f"no runs in {api.root} yet; `rltrack demo` makes some")
    else:
        header = ["PROJECT", "RUNS", "RUNNING", "LATEST"]
        _print_table(header, [[*row[:3], _ago(row[3])] for row in rows])
    return 0


def _show(options: argparse.Namespace) -> int:
    from rltrack.api import Api

    run = _find(Api(_root(options)), options.run)
    if options.json:
        _print_json(_facts(run) | {"metadata": dict(run.metadata)})
        return 0
    print(f"{run.name}  ({run.project}/{run.id})  {run.state}, started {_ago(run.created_at)}")
    print(f"folder   {run.folder}")
    for title, values in (
        ("config", run.config),
        ("summary", run.summary),
        ("environment", run.metadata),
    ):
        print(f"\n{title}")
        flat = _flat(dict(values))
        width = max(map(len, flat), default=0)
        for key, value in sorted(flat.items()):
            print(f"  {key:<{width}}  {_text(value)}")
        if not flat:
            print("  (nothing)")
    return 0


def _ui(options: argparse.Namespace) -> int:
    from rltrack.server.run import serve

    def started(url: str) -> None:
        print(f"rltrack: dashboard of {_root(options)} at {url}   (Ctrl-C ends it)", flush=True)
        if options.open:
            import webbrowser

            webbrowser.open(url)

    with contextlib.suppress(KeyboardInterrupt):  # the way to end it, and no failure
        serve(_root(options), options.host, options.port, on_started=started)
    return 0


def _demo(options: argparse.Namespace) -> int:
    from rltrack.demo import demo

    return demo(
        seeds=options.seeds,
        total_timesteps=options.timesteps,
        port=options.port,
        dir=str(_root(options)),
        stay=options.stay,
    )


# -- finding and printing ------------------------------------------------------------------------


def _find(api: Api, name: str) -> Run:
    """The run that a user means: by project/id, by id, or by name if only one has it."""
    if "/" in name:
        return api.run(name)
    found = [
        run for project in api.projects() for run in api.runs(project) if name in (run.id, run.name)
    ]
    exact = [run for run in found if run.id == name]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise NotFoundError(
            f"no run with id or name {name!r} in {api.root}; `rltrack ls` lists projects"
        )
    several = ", ".join(f"{run.project}/{run.id}" for run in found)
    raise NotFoundError(
        f"{len(found)} runs are called {name!r}: {several}; say which by project/id"
    )


def _facts(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "project": run.project,
        "state": run.state,
        "created_at": run.created_at,
        "tags": list(run.tags),
        "group": run.group,
        "last_step": run.lastHistoryStep,
        "config": dict(run.config),
        "summary": dict(run.summary),
    }


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value and "_type" not in value:
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _print_json(value: object) -> None:
    """JSON as everybody reads it: what is not finite is a text."""
    print(json.dumps(finite(value), indent=2, default=str))


def _print_table(header: list[str], rows: list[list[object]]) -> None:
    texts = [header, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        print(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _ago(seconds_since_epoch: object) -> str:
    assert isinstance(seconds_since_epoch, float)
    age = max(0.0, time.time() - seconds_since_epoch)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if age >= size:
            return f"{age / size:.0f} {unit} ago"
    return f"{age:.0f} s ago"


def _count(step: int | None) -> str:
    return "-" if step is None else f"{step:,}"


def _brief(summary: Any, most: int = 3) -> str:
    """The few numbers of a summary that say most in a list."""
    first = ("eval/mean_reward", "rollout/ep_rew_mean", "episode/return", "val/loss", "loss")
    numbers = {
        key: value
        for key, value in dict(summary).items()
        if isinstance(value, (int, float))
        and not isinstance(value, bool)
        and not key.startswith("_")
    }
    chosen = [key for key in first if key in numbers] + [key for key in numbers if key not in first]
    return "  ".join(f"{key}={_text(numbers[key])}" for key in chosen[:most])


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict) and "_type" in value:
        return f"({value['_type']}) {value.get('path', '')}".rstrip()
    text = value if isinstance(value, str) else json.dumps(finite(value), default=str)
    return text if len(text) <= 200 else f"{text[:197]}..."


if __name__ == "__main__":
    sys.exit(main())
