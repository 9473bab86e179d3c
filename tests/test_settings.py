"""Settings: where a choice comes from, which source wins, and what a bad one says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import rltrack
from rltrack.errors import UsageError
from rltrack.settings import DEFAULTS, resolve


def test_without_a_choice_the_defaults_hold() -> None:
    """They are the documented ones."""
    chosen = resolve(environ={"RLTRACK_CONFIG_DIR": os.devnull})

    assert chosen == DEFAULTS
    assert (chosen.mode, chosen.dir, chosen.strict) == ("offline", "rltrack-runs", False)


def test_each_source_wins_over_those_below(tmp_path: Path) -> None:
    """Argument, settings argument, RLTRACK_*, WANDB_*, file, default."""
    (tmp_path / "settings.toml").write_text('project = "file"\ngroup = "file"\ntags = ["a", "b"]\n')
    environ = {
        "RLTRACK_CONFIG_DIR": str(tmp_path),
        "RLTRACK_PROJECT": "ours",
        "WANDB_PROJECT": "theirs",
        "WANDB_NAME": "theirs",
        "RLTRACK_NOTES": "ours",
        "RLTRACK_JOB_TYPE": "ours",
    }

    chosen = resolve({"notes": "given", "job_type": "given"}, environ=environ, job_type="argument")

    assert chosen.project == "ours"
    assert chosen.name == "theirs"
    assert chosen.notes == "given"
    assert chosen.job_type == "argument"
    assert chosen.group == "file"
    assert chosen.tags == ("a", "b")
    assert chosen.mode == "offline"


def test_the_environment_is_read_at_each_init(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """W&B reads it once per process, and warns ever after."""
    for name in ("one", "two"):
        monkeypatch.setenv("WANDB_PROJECT", name)
        assert rltrack.init(reinit=True).project == name


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("true", True), ("Yes", True), ("0", False), ("off", False)]
)
def test_a_switch_in_the_environment_has_many_words(text: str, value: bool) -> None:
    """Those that people try."""
    environ = {"RLTRACK_CONFIG_DIR": os.devnull, "RLTRACK_STRICT": text}

    assert resolve(environ=environ).strict is value


def test_an_empty_variable_is_none() -> None:
    """Job scripts export what they do not set."""
    environ = {"RLTRACK_CONFIG_DIR": os.devnull, "WANDB_PROJECT": "", "RLTRACK_STRICT": ""}

    assert resolve(environ=environ) == DEFAULTS


def test_wandbs_words_for_a_mode_are_ours() -> None:
    """`dryrun` and `run` are in many scripts."""
    assert (
        resolve(environ={"WANDB_MODE": "dryrun", "RLTRACK_CONFIG_DIR": os.devnull}).mode
        == "offline"
    )
    assert resolve(environ={"RLTRACK_CONFIG_DIR": os.devnull}, mode="run").mode == "online"


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        (
            "RLTRACK_MODE",
            "public",
            "environment: mode='public': there are offline, online, disabled, shared",
        ),
        ("RLTRACK_STRICT", "maybe", "environment: RLTRACK_STRICT='maybe' is no bool"),
        ("RLTRACK_BUFFER_BYTES", "1.5", "is no int"),
        ("RLTRACK_BUFFER_BYTES", "-1", "must be a number above 0"),
        ("RLTRACK_SYNC_INTERVAL_S", "nan", "must be a number above 0"),
        ("RLTRACK_SYNC_INTERVAL_S", "soon", "is no float"),
        ("WANDB_TAGS", "x" * 65, "1 to 64 characters"),
    ],
)
def test_a_bad_variable_is_named(variable: str, text: str, words: str) -> None:
    """It was exported somewhere far away."""
    with pytest.raises(UsageError, match="environment") as caught:
        resolve(environ={"RLTRACK_CONFIG_DIR": os.devnull, variable: text})

    assert words in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"strict =", b'nonsense = "x"', b'strict = "yes"', b"\xff", b'[table]\nmode = "offline"'],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes) -> None:
    """With its path: who wrote it a year ago does not think of it."""
    (tmp_path / "settings.toml").write_bytes(content)

    with pytest.raises(UsageError, match=r"settings\.toml"):
        resolve(environ={"RLTRACK_CONFIG_DIR": str(tmp_path)})


def test_without_a_home_there_is_no_file(tmp_path: Path) -> None:
    """A container whose user is a number only."""
    code = "from rltrack.settings import resolve; print(resolve().mode)"
    environ = {
        key: value for key, value in os.environ.items() if key not in ("HOME", "RLTRACK_CONFIG_DIR")
    }
    run_as_nobody = "import os; os.setuid(54321)\n" if os.geteuid() == 0 else ""

    done = subprocess.run(
        [sys.executable, "-c", f"import rltrack.settings\n{run_as_nobody}{code}"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "offline\n"), done.stderr


def test_settings_cannot_be_changed() -> None:
    """A run's settings are those that it began with."""
    settings = rltrack.Settings(strict=True)

    with pytest.raises(AttributeError):
        settings.strict = False  # type: ignore[misc]


def test_settings_are_checked_when_they_are_made() -> None:
    """Not when the run starts, on another machine perhaps."""
    with pytest.raises(UsageError, match="silent='no' must be true or false"):
        rltrack.Settings(silent="no")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        rltrack.Settings(silnt=True)  # type: ignore[call-arg]
