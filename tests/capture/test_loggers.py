"""`capture_loggers`: what loggers of Python are told is in the run's log."""

from __future__ import annotations

import logging

import pytest

import rltrack

from .conftest import RunProgram


def test_records_of_loggers_are_in_the_log_and_not_on_the_terminal(program: RunProgram) -> None:
    """From a level on, as W&B's setting says it; beside the console, or without it."""
    for console in ("wrap", "off"):
        done = program(
            f"""
            import logging
            logging.getLogger().setLevel("DEBUG")
            settings = {{"capture_loggers": {{"my_app": "INFO", "root": "ERROR"}}}}
            with rltrack.init(project="{console}", settings=settings):
                logging.getLogger("my_app.training").info("loss %g", 0.5)
                logging.getLogger("my_app").debug("too little")
                logging.getLogger("other").warning("of another")
                logging.getLogger("other").error("for all")
            logging.getLogger("my_app").info("after")
            print(logging.getLogger("my_app").handlers)
            """,
            console=console,
        )

        (run,) = rltrack.Api(done.root).runs(console)
        assert [line.text for line in run.console_logs()] == [
            "INFO:my_app.training:loss 0.5",
            "ERROR:other:for all",
        ]
        assert done.out == "[]\n"


def test_a_level_that_is_none_is_told_and_no_logger_changed(
    root: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """A setting must not keep a training from starting."""
    with rltrack.init(project="p", settings={"capture_loggers": ["a=INFO", "b=LOUD"]}):
        assert logging.getLogger("a").handlers == []

    assert "there is no level 'LOUD'" in capsys.readouterr().err
