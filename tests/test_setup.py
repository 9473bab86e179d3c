"""What scripts do around `init`: setup and login, config from everywhere, names kept from before."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import pytest

import rltrack
from rltrack.capture.exit import in_notebook
from rltrack.errors import NotInitializedError
from rltrack.settings import Settings


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


#: W&B 0.31's parameters of `init`.
WANDBS = [
    "entity",
    "project",
    "dir",
    "id",
    "name",
    "notes",
    "tags",
    "config",
    "config_exclude_keys",
    "config_include_keys",
    "allow_val_change",
    "group",
    "job_type",
    "mode",
    "force",
    "reinit",
    "resume",
    "resume_from",
    "fork_from",
    "save_code",
    "tensorboard",
    "sync_tensorboard",
    "monitor_gym",
    "settings",
    "anonymous",
]


def test_every_parameter_of_wandbs_init_is_one_of_ours() -> None:
    """Old scripts run."""
    assert set(WANDBS) - set(inspect.signature(rltrack.init).parameters) == set()


# -- setup, teardown, login ----------------------------------------------------------------


def test_setup_counts_below_init_and_above_the_environment(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for all runs of a program; teardown forgets it, and finishes them."""
    monkeypatch.setenv("RLTRACK_PROJECT", "environment")
    rltrack.setup(settings={"project": "setup", "group": "g", "quiet": True})
    try:
        first = rltrack.init()
        second = rltrack.init(project="argument", reinit="create_new")
        assert (first.project, first.group, second.project) == ("setup", "g", "argument")
    finally:
        rltrack.teardown(exit_code=3)

    assert (first.state, second.state) == ("failed", "failed")
    assert rltrack.run is None
    assert rltrack.init().project == "environment"


def test_setup_takes_settings_and_refuses_what_is_none() -> None:
    """Like `init(settings=)`."""
    assert rltrack.setup(Settings(group="g")).group == "g"
    assert rltrack.setup() == Settings()
    with pytest.raises(rltrack.UsageError, match=r"setup\(settings=…\): no setting 'grup'"):
        rltrack.setup({"grup": "g"})
    rltrack.teardown()


def test_there_is_nothing_to_log_in_to() -> None:
    """Scripts ask whether it went well."""
    assert rltrack.login() is True
    assert rltrack.login(key="x", relogin=True, host="https://api.example.com") is True


def test_names_of_settings_that_scripts_for_wandb_use_are_accepted() -> None:
    """Those with a meaning have it, the others none; a typo is still one."""
    settings = rltrack.Settings(  # type: ignore[call-arg]
        start_method="fork",
        _disable_stats=True,
        x_disable_meta=True,
        init_timeout=300,
        run_group="g",
        finish_timeout=7.0,
    )

    assert (settings.group, settings.finish_timeout_s) == ("g", 7.0)
    with pytest.raises(TypeError):
        rltrack.Settings(start_methd="fork")  # type: ignore[call-arg]


# -- before init ---------------------------------------------------------------------------


def test_config_and_summary_that_were_taken_before_init_are_the_runs_then(root: Path) -> None:
    """`from rltrack import config` at the top of a file."""
    config: Any = rltrack.config
    summary: Any = rltrack.summary
    with pytest.raises(NotInitializedError, match=r"before rltrack.config.lr"):
        config.lr  # noqa: B018
    with pytest.raises(NotInitializedError, match=r"before rltrack.config\['lr'\]"):
        config["lr"]
    with pytest.raises(NotInitializedError):
        config.lr = 0.1
    with pytest.raises(NotInitializedError):
        config.update({"lr": 0.1})
    with pytest.raises(NotInitializedError):
        "lr" in config  # noqa: B015
    assert repr(config) == "<rltrack.config before init>"

    run = rltrack.init(project="p", config={"lr": 0.1}, settings={"quiet": True})
    run.log({"loss": 0.5})
    config.seed = 7
    config["net"] = "mlp"

    assert (config.lr, config["seed"], "net" in config, len(config)) == (0.1, 7, True, 3)
    assert dict(run.config) == {"lr": 0.1, "seed": 7, "net": "mlp"}
    assert (list(config), repr(config)) == (list(run.config), repr(run.config))
    assert summary["loss"] == 0.5
    run.finish()
    with pytest.raises(NotInitializedError):
        summary["loss"]


def test_reinit_by_a_bool_is_told_to_be_old(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the word for it."""
    rltrack.init(project="p")
    told(capsys)

    rltrack.init(project="p", reinit=True)

    assert "reinit=True is an old word for reinit='finish_previous'" in told(capsys)[0]


def test_finish_previous_finishes_all(root: Path) -> None:
    """Also those beside the current one, as with W&B."""
    runs = [
        rltrack.init(project="p", reinit="create_new", settings={"quiet": True}) for _ in range(3)
    ]
    rltrack.init(project="p", reinit="finish_previous", settings={"quiet": True})

    assert [run.state for run in runs] == ["finished"] * 3


# -- config --------------------------------------------------------------------------------


def test_keys_of_a_config_may_be_chosen(root: Path) -> None:
    """Some of an `argparse.Namespace` are no choices of the run."""
    config = {"lr": 0.1, "seed": 1, "verbose": True}

    first = rltrack.init(project="p", config=config, config_include_keys=["lr", "seed"])
    assert dict(first.config) == {"lr": 0.1, "seed": 1}
    second = rltrack.init(
        project="p", config=config, config_exclude_keys=["verbose"], reinit="create_new"
    )
    assert dict(second.config) == {"lr": 0.1, "seed": 1}
    with pytest.raises(rltrack.UsageError, match="do not go together"):
        rltrack.init(config_include_keys=["a"], config_exclude_keys=["b"])


def test_files_of_config_are_merged_below_the_argument(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`config-defaults.yaml` of the folder first, then those that the environment names."""
    monkeypatch.chdir(tmp_path)
    Path("config-defaults.yaml").write_text("lr: {value: 0.1, desc: rate}\nseed: 1\nlayers: 2\n")
    Path("more.toml").write_text("seed = 2\nlayers = 3\n")
    monkeypatch.setenv("WANDB_CONFIG_PATHS", "more.toml")

    run = rltrack.init(project="p", config={"layers": 4})

    assert dict(run.config) == {"lr": 0.1, "seed": 2, "layers": 4}


def test_an_omegaconf_is_a_config(root: Path) -> None:
    """What Hydra hands to a program; interpolations are resolved, what is missing stays."""
    omegaconf = pytest.importorskip("omegaconf")
    config = omegaconf.OmegaConf.create(
        {"lr": 0.1, "half": "${lr}", "net": {"sizes": [64, 64]}, "later": "???"}
    )

    run = rltrack.init(project="p", config=config)

    assert dict(run.config) == {
        "lr": 0.1,
        "half": 0.1,
        "net": {"sizes": [64, 64]},
        "later": "???",
    }


def test_anything_with_keys_is_a_config(root: Path) -> None:
    """As JAX's `ml_collections.ConfigDict`, which is no mapping by its class."""

    class ConfigDict:
        def __init__(self, **values: Any) -> None:
            self._fields = values

        def keys(self) -> Any:
            return self._fields.keys()

        def __getitem__(self, key: str) -> Any:
            return self._fields[key]

    assert dict(rltrack.init(project="p", config=ConfigDict(lr=0.1)).config) == {"lr": 0.1}


def test_choices_of_a_sweep_stay(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the program says of them later is told and ignored, as with W&B."""
    run = rltrack.init(project="p", config={"lr": 0.1}, settings={"quiet": True})
    run.config.update_locked({"lr": 0.5})

    run.config.lr = 0.1
    run.config.update({"lr": 0.2, "seed": 1}, allow_val_change=True)

    assert dict(run.config) == {"lr": 0.5, "seed": 1}
    (warning,) = told(capsys)
    assert "config key 'lr' is a sweep's and stays 0.5" in warning


def test_a_copy_of_the_config_cannot_be_changed(root: Path) -> None:
    """`run.config_static`."""
    run = rltrack.init(project="p", config={"lr": 0.1})

    assert run.config_static == {"lr": 0.1}
    with pytest.raises(TypeError):
        run.config_static["lr"] = 0.2  # type: ignore[index]


# -- hooks and facts -----------------------------------------------------------------------


def test_a_hook_that_cannot_start_is_told_and_the_run_goes_on(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In strict mode it is an error."""
    from rltrack import _init

    monkeypatch.setitem(_init._HOOKS, "monitor_gym", "rltrack.hooks.not_there")

    run = rltrack.init(project="p", monitor_gym=True, settings={"quiet": True})
    run.log({"a": 1.0})

    assert "monitor_gym is off: ModuleNotFoundError" in told(capsys)[0]
    with pytest.raises(ModuleNotFoundError):
        rltrack.init(project="p", monitor_gym=True, reinit="create_new", settings={"strict": True})


def test_wandbs_attributes_of_a_run_are_there(root: Path) -> None:
    """By which other libraries find their way."""
    run = rltrack.init(project="p", settings={"quiet": True})

    assert run.folder is not None
    assert run.url == run.get_url() == run.folder.as_uri()
    assert run.project_url == run.folder.parent.as_uri()
    assert run.project_name() == run.project == "p"
    assert (run.entity, run.resumed, run.starting_step, run.offline) == ("", False, 0, True)
    assert run.sync_dir == str(run.folder)
    assert Path(run.dir).is_dir()
    assert run.status().sync_items_pending == 0
    run.join()
    assert run.state == "finished"


def test_the_flag_for_code_is_a_setting(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the argument, or from the environment."""
    monkeypatch.setenv("WANDB_SAVE_CODE", "true")
    assert rltrack.init(project="p").settings.save_code is True
    assert (
        rltrack.init(project="p", save_code=False, reinit="create_new").settings.save_code is False
    )


def test_what_the_environment_says_of_the_machine_is_in_the_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W&B's names for what a launcher knows better than the process."""
    for name in ("HOST", "USERNAME", "PROGRAM", "NOTEBOOK_NAME"):
        monkeypatch.setenv(f"WANDB_{name}", f"my {name.lower()}")
    run = rltrack.init(project="p", id="r", settings={"quiet": True, "provenance": True})
    run.finish()

    found = rltrack.Api(root).run("p/r").metadata
    assert {key: found[key] for key in ("host", "username", "program", "notebook_name")} == {
        "host": "my host",
        "username": "my username",
        "program": "my program",
        "notebook_name": "my notebook_name",
    }


def test_code_and_git_can_be_left_out(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is said."""
    monkeypatch.setenv("WANDB_DISABLE_CODE", "true")
    monkeypatch.setenv("WANDB_DISABLE_GIT", "true")
    run = rltrack.init(
        project="p", id="r", save_code=True, settings={"quiet": True, "provenance": True}
    )
    run.finish()

    assert run.settings.save_code is False
    assert "git" not in rltrack.Api(root).run("p/r").metadata


def test_the_old_switch_of_wandb_disables(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`WANDB_DISABLED=true`, which Hugging Face's users set."""
    monkeypatch.setenv("WANDB_DISABLED", "true")
    assert rltrack.init(project="p").disabled
    assert not rltrack.init(project="p", mode="offline", reinit="create_new").disabled


def test_every_setting_is_described() -> None:
    """In words, which becomes the README's."""
    for field in dataclasses.fields(Settings):
        assert len(field.metadata["doc"]) > 10, field.name


# -- notebooks -----------------------------------------------------------------------------


@pytest.fixture
def notebook() -> Any:
    """A shell of IPython around this process, without its terminal."""
    shell_module = pytest.importorskip("IPython.core.interactiveshell")
    config = pytest.importorskip("traitlets.config").Config()
    config.HistoryManager.enabled = False  # it has a thread that saves what was typed
    shell = shell_module.InteractiveShell.instance(config=config)
    yield shell
    shell_module.InteractiveShell.clear_instance()


def run_cell(shell: Any, code: str) -> Any:
    result = shell.run_cell(code)
    result.raise_error()
    return result.result


def test_a_cell_that_is_run_again_starts_anew(root: Path, notebook: Any) -> None:
    """Its first run is finished; in a script it would be returned."""
    cell = "import rltrack\nrltrack.init(project='p', config={'lr': 0.1}, settings={'quiet': True})"
    assert in_notebook()

    first, second = run_cell(notebook, cell), run_cell(notebook, cell)

    assert second is not first
    assert (first.state, second.state) == ("finished", "running")


def test_in_a_notebook_config_may_change(root: Path, notebook: Any) -> None:
    """A cell sets it again, with another value."""
    run_cell(notebook, "import rltrack; run = rltrack.init(project='p', settings={'quiet': True})")
    run_cell(notebook, "run.config.lr = 0.1")
    run_cell(notebook, "run.config.lr = 0.2")

    assert rltrack.run is not None
    assert rltrack.run.config.lr == 0.2


def test_a_cell_that_fails_ends_no_run(root: Path, notebook: Any) -> None:
    """The next one goes on with it."""
    run_cell(notebook, "import rltrack; run = rltrack.init(project='p', settings={'quiet': True})")
    notebook.run_cell("1 / 0", silent=True)

    assert rltrack.run is not None
    assert rltrack.run.state == "running"


def test_a_run_is_a_card(root: Path, notebook: Any) -> None:
    """With what it holds; nothing in it is taken for HTML."""
    run = rltrack.init(
        project="p", config={"<b>": "<script>", "lr": 1e-3}, settings={"quiet": True}
    )
    run.log({"loss": 0.123456789, **{f"metric{n}": n for n in range(40)}})

    card = run._repr_html_()

    assert card == run.to_html()
    assert all(part in card for part in (run.name, "running", "0.001", "0.123457", "and 11 more"))
    assert "&lt;script&gt;" in card
    assert "<script>" not in card
    assert run.display()


def test_without_a_notebook_there_is_nothing_to_display(root: Path) -> None:
    """And that is no error."""
    assert not in_notebook()
    run = rltrack.init(project="p", mode="disabled")

    assert "nothing is recorded" in run.to_html()
