"""What `wandb` has when it is rltrack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LOOK_UPS = """
import importlib.metadata, importlib.util, json
versions = [importlib.metadata.version("wandb"), importlib.metadata.distribution("wandb").version]
specs = [bool(importlib.util.find_spec(f"wandb{rest}")) for rest in ("", ".sdk", ".errors")]
owners = importlib.metadata.packages_distributions().get("wandb")
import wandb
print(json.dumps([versions + [wandb.__version__], specs, owners, hasattr(wandb, "run")]))
"""


def test_other_libraries_find_it_installed(printed: Callable[..., Any]) -> None:
    """By version, by spec and by name, as they look for it."""
    versions, specs, owners, has_run = printed(LOOK_UPS)

    assert len(set(versions)) == 1
    assert specs == [True] * 3
    assert "wandb" in owners
    assert has_run


WHAT_GOES_ON = """
import json
import wandb
from wandb import config
import rltrack
seen = [wandb.run is None]
run = wandb.init(project="p", config={"lr": 0.1})
seen += [wandb.run is run, wandb.config is run.config, config["lr"] == 0.1, wandb.run is rltrack.run]
wandb.log({"loss": 1.0})
wandb.summary["best"] = 2
wandb.alert("title", "text", level=wandb.AlertLevel.WARN)
seen += [run.summary["loss"] == 1.0, isinstance(run, wandb.sdk.wandb_run.Run)]
wandb.finish()
seen += [wandb.run is None]
with wandb.init(project="p", mode="disabled") as run:
    seen += [isinstance(run, wandb.sdk.lib.RunDisabled)]
try:
    wandb.log({"loss": 1.0})
except wandb.Error as error:
    seen += ["init()" in str(error)]
print(json.dumps(seen))
"""


def test_the_modules_names_mean_the_run_that_goes_on(printed: Callable[..., Any]) -> None:
    """At any time, also where they were imported before there was one."""
    assert printed(WHAT_GOES_ON) == [True] * len(printed(WHAT_GOES_ON))


PLACES = """
import json
import wandb, wandb.apis.public, wandb.env, wandb.errors, wandb.util
from wandb.apis.public import Api
from wandb.errors import CommError, Error, UsageError
from wandb.integration.gym import monitor
from wandb.sdk.data_types.video import Video
from wandb.sdk.lib import RunDisabled
from wandb.sdk.lib.config_util import ConfigError
from wandb.sdk.lib.disabled import RunDisabled as again
from wandb.sdk.wandb_run import Run
from wandb.sdk.wandb_settings import Settings
from wandb.wandb_run import Run as old
import rltrack
from wandb import *
wandb.require("service")
wandb.termlog("a"); wandb.termwarn("b", repeat=False); wandb.termwarn("b", repeat=False)
wandb.setup(wandb.Settings(start_method="thread", _disable_stats=True))
print(json.dumps([
    Run is rltrack.Run, old is Run, Video is rltrack.Video, Api is rltrack.Api,
    ConfigError is rltrack.ConfigError, issubclass(CommError, Error), again is RunDisabled,
    Settings is rltrack.Settings, len(wandb.util.generate_id()) == 8,
    wandb.gym.monitor is monitor, callable(init), UsageError is rltrack.UsageError,
    wandb.util.json_dumps_safer({"a": float("nan")}) == '{"a": "NaN"}', wandb.login(),
]))
"""


def test_names_are_where_other_libraries_import_them_from(
    start: Callable[..., Any], printed: Callable[..., Any]
) -> None:
    """Each of these lines is in a library that tracks by W&B."""
    assert printed(PLACES) == [True] * 14
    assert start(PLACES).stderr.count("warning: b") == 1


NOT_THERE = """
import json
import wandb
told = []
for code in (
    "wandb.sklearn",
    "from wandb import sklearn",
    "import wandb.integration.keras",
    "from wandb.integration.xgboost import WandbCallback",
    "from wandb.sdk.wandb_run import Missing",
    "wandb.apis.public.Registry",
    "wandb.initt",
    "import rltrack; rltrack.sklearn",
):
    try:
        exec(code)
    except (AttributeError, ImportError) as error:
        told.append([type(error).__name__, str(error)])
print(json.dumps(told))
"""


def test_what_is_not_there_is_told_with_its_name_and_what_to_use_instead(
    printed: Callable[..., Any],
) -> None:
    """As the error that a library's own ``try`` waits for."""
    told = printed(NOT_THERE)

    kinds = [kind for kind, _ in told]
    assert kinds == [
        "UnsupportedError",
        *["ModuleNotFoundError"] * 4,
        *["UnsupportedError"] * 3,
    ]
    words = ["sklearn", "sklearn", "keras", "xgboost", "Missing", "Registry", "initt", "sklearn"]
    for word, (_, text) in zip(words, told, strict=True):
        assert word in text
        assert "instead" in text or "did you mean" in text or "what it has is in" in text


SETTINGS = """
import json
import wandb
settings = wandb.Settings(
    reinit="create_new", allow_val_change=True, heartbeat_seconds=30, git_commit="abc", docker="image",
    ignore_globs=["*.pt"], _stats_sample_rate_seconds=1, x_label="rank-0", console="off",
)
first = wandb.init(project="p", settings=settings, config={"a": 1})
second = wandb.init(project="p", settings=settings)
first.config["a"] = 2
first.write_logs("told")
first.write_logs("two\\nlines\\n")
first.pin_config_keys(["a"])
wandb.finish(); first.finish()
run = wandb.Api().run(f"p/{first.id}")
print(json.dumps([
    first is not second, run.config, [line.text for line in run.console_logs()],
    run.metadata["pinned_config_keys"], first.sweep_url,
]))
"""


def test_settings_of_w_and_bs_mean_the_same_or_nothing(printed: Callable[..., Any]) -> None:
    """None of them is refused; and what they print by themselves is among the logs."""
    assert printed(SETTINGS) == [True, {"a": 2}, ["told", "two", "lines"], ["a"], None]


PATCHED = """
import json
import wandb
from torch.utils.tensorboard import SummaryWriter

def write(tag):
    with SummaryWriter("logs") as writer:
        writer.add_scalar(tag, 1.0, 5)

wandb.tensorboard.patch(root_logdir="logs")
wandb.gym.monitor()
wandb.init(project="p", id="a")
write("first")
wandb.finish()
wandb.tensorboard.unpatch()
wandb.init(project="p", id="b")
write("second")
wandb.tensorboard.patch(save=False)
write("third")
wandb.finish()
print(json.dumps([sorted(wandb.Api().run(f"p/{one}").metrics()) for one in "ab"]))
"""


def test_tensorboard_is_patched_before_a_run_or_in_it(printed: Callable[..., Any]) -> None:
    """And the next runs are left alone again."""
    assert printed(PATCHED) == [["first", "global_step"], ["global_step", "third"]]


BY_ITS_OWN_NAME = """
import json
import sys
import rltrack as wandb

wandb.termlog("quiet")
wandb.require("core")
wandb.tensorboard.patch()
wandb.tensorboard.unpatch()
caught = issubclass(wandb.errors.CommError, wandb.Error) and wandb.CommError is wandb.errors.CommError
with wandb.init(project="p", mode="disabled") as run:
    seen = [isinstance(run, wandb.sdk.wandb_run.Run), isinstance(run, wandb.sdk.lib.RunDisabled)]
print(json.dumps([caught, *seen, wandb.util.generate_id() != "", "wandb" not in sys.modules]))
"""


def test_import_rltrack_as_wandb_has_the_same_names(printed: Callable[..., Any]) -> None:
    """For scripts that were edited in that one line."""
    assert printed(BY_ITS_OWN_NAME) == [True] * 5
