"""`rltrack demo`: train PPO on CartPole with a few seeds, and watch it in the browser.

The parent serves the page and follows the trainings by reading their journals, as any other
reader would; each training is a process of its own (``python -m rltrack.demo``).

This is the one module of the package that uses `rltrack.callbacks`: it plays the user.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import rltrack
from rltrack._names import new_run_id
from rltrack.errors import Error, MissingExtraError, NotFoundError
from rltrack.settings import resolve

PROJECT: Final = "cartpole-demo"
ENV_ID: Final = "CartPole-v1"
RETURN: Final = "rollout/ep_rew_mean"

_NEEDED: Final = (
    *("stable_baselines3", "gymnasium", "pygame", "imageio_ffmpeg"),
    *("numpy", "pandas", "starlette", "uvicorn"),
)
#: More than one training a core slows each, and yet all curves grow at once, which is the point.
_TRAININGS_PER_CORE: Final = 2
_LOOK_EVERY_S: Final = 0.3
_STOP_WITHIN_S: Final = 20.0
_INTERRUPTED: Final = 130  # what shells say of a program that Ctrl-C ended


def demo(
    *,
    seeds: int = 3,
    total_timesteps: int = 60_000,
    port: int = 7777,
    dir: str | None = None,
    stay: bool = True,
) -> int:
    """Serve the dashboard, train, and say what to try next.

    Args:
        seeds: how many trainings, with seeds from 0 on.
        total_timesteps: of each training.
        port: of the page; where it is taken, one of the next few.
        dir: folder of all projects; by default that of the settings.
        stay: go on serving after the training until Ctrl-C, if there is a terminal to type it.

    Returns:
        The exit status: 0, 1 if a training failed, 130 if Ctrl-C ended one.

    Raises:
        MissingExtraError: something is not installed.
        UsageError: no port is free.
    """
    _check_extras()
    from rltrack.server.page import HOW_TO_BUILD, STATIC, is_built
    from rltrack.server.run import Background

    root = Path(dir or resolve().dir or ".").absolute()
    with tempfile.TemporaryDirectory() as scratch, Background(root, port=port) as page:
        print(f"Watch it live:  {page.url}/p/{PROJECT}\n")
        if not is_built(STATIC):
            print(f"(The page is not built yet: {HOW_TO_BUILD}.)\n")
        trainings = [Training(seed, root, total_timesteps, Path(scratch)) for seed in range(seeds)]
        began = time.monotonic()
        try:
            with _terminated_like_interrupted():
                _train_all(trainings, root)
        except KeyboardInterrupt:
            print(f"\nStopped. What was trained is in {root / PROJECT}, marked as killed.")
            return _INTERRUPTED
        failed = [training for training in trainings if not training.succeeded]
        for training in failed:
            print(f"\nSeed {training.seed} failed:\n{training.last_words()}", file=sys.stderr)
        _tell_what_next(trainings, root, time.monotonic() - began)
        if stay and sys.stdin is not None and sys.stdin.isatty():
            print(f"\nStill serving {page.url}/p/{PROJECT}; Ctrl-C ends it.")
            with contextlib.suppress(KeyboardInterrupt):
                while True:
                    time.sleep(3600)
        return 1 if failed else 0


def _check_extras() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"the demo needs {', '.join(missing)}; type: pip install 'rltrack[demo]'"
        )


# -- the trainings, as the parent sees them ----------------------------------------------------


@dataclass
class Training:
    """One seed, in a process of its own."""

    seed: int
    root: Path
    total_timesteps: int
    scratch: Path
    run_id: str = field(default_factory=new_run_id)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def is_over(self) -> bool:
        """Whether it was started and has ended."""
        return self._process is not None and self._process.poll() is not None

    @property
    def succeeded(self) -> bool:
        """Whether it has ended well."""
        return self._process is not None and self._process.poll() == 0

    def start(self) -> None:
        """Begin to train."""
        quiet = {
            "OMP_NUM_THREADS": "1",  # policies this small are slower on two threads
            "SDL_VIDEODRIVER": "dummy",  # pygame draws into memory, with or without a display
        }
        arguments = [self.seed, self.total_timesteps, self.root, self.run_id]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rltrack.demo", *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | quiet,
                start_new_session=True,  # Ctrl-C reaches it once, through `stop`
            )

    def stop(self) -> None:
        """Interrupt it as Ctrl-C would; it ends its run, and the run says "killed"."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def wait(self, until: float) -> None:
        """Wait for its end; past `until` (monotonic seconds) there is nothing to wait for."""
        if self._process is not None:
            try:
                self._process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def last_words(self) -> str:
        """The end of what it printed."""
        return self._output.read_text(errors="replace")[-2000:]

    @property
    def _output(self) -> Path:
        return self.scratch / f"seed-{self.seed}.txt"


def _train_all(trainings: list[Training], root: Path) -> None:
    """Train all, a few at a time, and show how far they are; none is left running."""
    at_once = _TRAININGS_PER_CORE * (os.cpu_count() or 1)
    total = sum(training.total_timesteps for training in trainings)
    api = rltrack.Api(root)
    try:
        with _progress(total) as show:
            waiting = list(trainings)
            while not all(training.is_over for training in trainings):
                going = [t for t in trainings if t not in waiting and not t.is_over]
                while waiting and len(going) < at_once:
                    going.append(waiting.pop(0))
                    going[-1].start()
                show(*_look(api, trainings))
                time.sleep(_LOOK_EVERY_S)
            show(*_look(api, trainings))
    finally:
        for training in trainings:
            training.stop()
        until = time.monotonic() + _STOP_WITHIN_S
        for training in trainings:
            training.wait(until)


def _look(api: rltrack.Api, trainings: list[Training]) -> tuple[int, str]:
    """Timesteps so far over all seeds, and the mean return of each."""
    done = 0
    returns: list[str] = []
    for training in trainings:
        summary = _summary(api, training)
        done += min(int(summary.get("global_step", 0)), training.total_timesteps)
        if RETURN in summary:
            returns.append(f"{summary[RETURN]:.0f}")
    return done, f"mean return {' · '.join(returns)}" if returns else "starting"


def _summary(api: rltrack.Api, training: Training) -> dict[str, Any]:
    try:
        return api.run(training.run_id, project=PROJECT).summary
    except NotFoundError:
        return {}  # it is still importing torch


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Have `kill` end the trainings too: they are in sessions of their own, and would go on."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# -- what is printed ---------------------------------------------------------------------------

Show = Callable[[int, str], None]


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Show]:
    """A bar where rich and a terminal are there, else a line now and then."""
    if importlib.util.find_spec("rich") is None or not sys.stdout.isatty():
        yield _plain_progress(total)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("Training"),
        BarColumn(bar_width=40),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} timesteps · {task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("", total=total, note="starting")
        yield lambda done, note: bar.update(task, completed=done, note=note)


def _plain_progress(total: int) -> Show:
    told = -1

    def show(done: int, note: str) -> None:
        nonlocal told
        if (tenth := 10 * done // max(total, 1)) > told:
            told = tenth
            print(f"{done:9,} of {total:,} timesteps · {note}", flush=True)

    return show


def _tell_what_next(trainings: list[Training], root: Path, seconds: float) -> None:
    api = rltrack.Api(root)
    finals = [
        summary[RETURN]
        for training in trainings
        if training.succeeded and RETURN in (summary := _summary(api, training))
    ]
    if finals:
        print(
            f"\nTrained {len(finals)} x PPO on {ENV_ID} in {seconds:.0f} s: mean return of the "
            f"last 100 episodes {statistics.fmean(finals):.0f} (500 is perfect; by seed: "
            f"{', '.join(f'{final:.0f}' for final in finals)})"
        )
    elsewhere = root != Path(resolve().dir or ".").absolute()
    folder = f" --dir {shlex.quote(str(root))}" if elsewhere else ""
    argument = repr(str(root)) if elsewhere else ""
    print(
        f"""
Try next:
  rltrack ls {PROJECT}{folder}
  rltrack show {PROJECT}/{trainings[0].run_id if trainings else "RUN"}{folder}
  rltrack ui{folder}

In Python:
  import rltrack
  for run in rltrack.Api({argument}).runs("{PROJECT}"):
      print(run.name, run.config["seed"], run.history(["episode/return"]).mean())"""
    )


# -- one training, in its own process ----------------------------------------------------------


def _train(seed: int, total_timesteps: int, root: str, run_id: str) -> None:
    """What a user's script would do."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    from rltrack.callbacks import SB3Callback

    torch.set_num_threads(1)
    with rltrack.init(project=PROJECT, id=run_id, dir=root, name=f"ppo-seed-{seed}", group="ppo"):
        model = PPO(
            "MlpPolicy",
            make_vec_env(ENV_ID, n_envs=4, seed=seed),
            n_steps=256,
            batch_size=256,
            learning_rate=1e-3,
            gae_lambda=0.9,
            gamma=0.98,
            seed=seed,
            device="cpu",
        )
        model.learn(total_timesteps, callback=SB3Callback(video_freq=max(1, total_timesteps // 4)))


def _main(arguments: list[str]) -> int:
    seed, total_timesteps, root, run_id = arguments
    try:
        _train(int(seed), int(total_timesteps), root, run_id)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Error as error:
        print(f"rltrack: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
