"""`rltrack ui` and `rltrack demo`: the dashboard, and a training to see in it."""

from __future__ import annotations

import argparse
import contextlib

from rltrack.cli.output import root_of
from rltrack.cli.parser import Commands


def add_to(commands: Commands) -> None:
    """Add `ui` and `demo`."""
    ui = commands.add("ui", _ui, "serve the dashboard")
    ui.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    ui.add_argument(
        "--port", type=int, default=7777, help="port to listen on (default: %(default)s)"
    )
    ui.add_argument("--open", action="store_true", help="open the page in the browser")

    demo = commands.add(
        "demo", _demo, "train PPO on CartPole with a few seeds and watch it in the browser"
    )
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


def _ui(options: argparse.Namespace) -> int:
    from rltrack.server.run import serve

    def started(url: str) -> None:
        print(f"rltrack: dashboard of {root_of(options)} at {url}   (Ctrl-C ends it)", flush=True)
        if options.open:
            import webbrowser

            webbrowser.open(url)

    with contextlib.suppress(KeyboardInterrupt):  # the way to end it, and no failure
        serve(root_of(options), options.host, options.port, on_started=started)
    return 0


def _demo(options: argparse.Namespace) -> int:
    from rltrack.demo import demo

    return demo(
        seeds=options.seeds,
        total_timesteps=options.timesteps,
        port=options.port,
        dir=str(root_of(options)),
        stay=options.stay,
    )
