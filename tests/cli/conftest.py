"""Commands as they are typed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rltrack.cli import main


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command prints; it must succeed."""

    def typed(*arguments: str) -> str:
        capsys.readouterr()
        assert main(arguments) == 0
        return capsys.readouterr().out

    return typed
