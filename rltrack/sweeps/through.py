"""A sweep on a server: agents anywhere take its trials over HTTP, as others do from its folder.

Runs are recorded in a folder here, and sent to the server as any run is.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rltrack._credentials import Connection
from rltrack._names import folder_name
from rltrack.errors import NotFoundError, UsageError
from rltrack.sweeps.folder import SWEEPS, SweepFacts
from rltrack.sweeps.schema import SweepConfig, read_config
from rltrack.sweeps.source import parse
from rltrack.sync.client import Client, LaterError, RefusedError, joined

#: A server that is started again, or a network that is gone for a while, ends no agent.
_PATIENCE_S: Final = 600.0
_PAUSES_S: Final = (0.5, 10.0)


class ServerSweep:
    """A sweep that a server keeps; see `Place`.

    Args:
        client: asks the server.
        project: with its user or team in front.
        sweep_id: names the sweep.
        root: the folder into which runs are recorded here.
    """

    def __init__(self, client: Client, project: str, sweep_id: str, root: Path) -> None:
        self.id = sweep_id
        self.root = root
        self._client = client
        self._address = joined("api", "projects", project, "sweeps", sweep_id, "board")
        told = self.do("place")
        self._text: str = told["text"]
        # The runs are recorded here as runs of any project, and sent to that of the sweep.
        entity, _, name = project.rpartition("/")
        facts = SweepFacts(**told["facts"])
        self._facts = dataclasses.replace(facts, project=name, entity=entity or None)
        self._page = joined("p", project, "sweeps", sweep_id)

    @property
    def path(self) -> Path:
        """What belongs to it on this machine."""
        return self.root / SWEEPS / folder_name(self.id)

    @property
    def trials(self) -> Path:
        """Parameters of trials, for programs."""
        path = self.path / "trials"
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def url(self) -> str:
        """The address of its page."""
        return self._client.server + self._page

    def text(self) -> str:
        """The config as the user gave it."""
        return self._text

    def config(self) -> SweepConfig:
        """The config."""
        return read_config(parse(self._text, self.id), self.id)

    def facts(self) -> SweepFacts:
        """What is known apart from the config."""
        return self._facts

    def board(self, now: Callable[[], float] = time.time) -> ServerBoard:
        """Where its agents tell each other what they do; ages are by the server's clock."""
        return ServerBoard(self)

    def replace_text(self, text: str) -> None:
        """Give it another config."""
        self.do("update", text=text)
        self._text = text

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    def do(self, what: str, patience_s: float = _PATIENCE_S, **given: Any) -> dict[str, Any]:
        """One step on the server, again until it answers.

        Raises:
            LaterError: it did not within `patience_s`.
            RefusedError: it will not.
        """
        end, pause_s = time.monotonic() + patience_s, _PAUSES_S[0]
        while True:
            try:
                return self._client.ask("POST", self._address, json={"do": what, **given})
            except LaterError as fault:
                if time.monotonic() + pause_s > end:
                    raise
                time.sleep(max(pause_s, fault.after_s or 0.0))
                pause_s = min(2 * pause_s, _PAUSES_S[1])


class ServerBoard:
    """The steps of a ledger, as requests; see `Board`."""

    def __init__(self, sweep: ServerSweep) -> None:
        self._sweep = sweep

    def join(self, name: str) -> None:
        """See `Board`."""
        self._sweep.do("join", name=name)

    def append(self, name: str, at: int, data: bytes) -> None:
        """See `Board`."""
        self._sweep.do("append", name=name, at=at, data=data.decode())

    def leave(self, name: str) -> None:
        """See `Board`."""

    def beat(self, name: str) -> None:
        """See `Board`; one that is lost is followed by the next."""
        self._passing("beat", name=name)

    def beat_s(self, name: str) -> float:
        """See `Board`."""
        age_s = self._passing("beat_s", name=name).get("age_s")
        return float("inf") if age_s is None else float(age_s)

    def news(self, known: Mapping[str, int], closed: Collection[str]) -> dict[str, bytes]:
        """See `Board`; while the server is away there are none."""
        told = self._passing("news", known=dict(known), closed=sorted(closed))
        return {name: text.encode() for name, text in told.get("news", {}).items()}

    def take(self, number: int, attempt: int, name: str) -> bool:
        """See `Board`."""
        return bool(self._sweep.do("take", number=number, attempt=attempt, name=name)["taken"])

    def last_claim(self, number: int) -> int:
        """See `Board`."""
        return int(self._sweep.do("last_claim", number=number)["attempt"])

    def claimant(self, number: int, attempt: int) -> tuple[str, float] | None:
        """See `Board`."""
        told = self._sweep.do("claimant", number=number, attempt=attempt)
        return None if told["name"] is None else (told["name"], float(told["age_s"]))

    def _passing(self, what: str, **given: Any) -> dict[str, Any]:
        try:
            return self._sweep.do(what, 0.0, **given)
        except LaterError:
            return {}


def make_on_server(
    told: Connection,
    project: str,
    text: str,
    sweep_id: str | None,
    prior_runs: Sequence[str] = (),
) -> str:
    """Make a sweep on a server; its path, as `agent` takes it: ``entity/project/id``.

    Args:
        told: the server, and the key.
        project: that its runs belong to; without an entity it is the user's own.
        text: the config.
        sweep_id: names it; by default eight random letters.
        prior_runs: of the server, that count as trials.

    Raises:
        UsageError: the server is not there, or refuses.
    """
    whole = f"{told.user}/{project}" if told.user and "/" not in project else project
    with Client(told) as client:
        try:
            made = client.ask(
                "POST",
                joined("api", "projects", whole, "sweeps"),
                json={"text": text, "id": sweep_id, "prior_runs": list(prior_runs)},
            )
        except (LaterError, RefusedError) as refusal:
            raise UsageError(
                f"the sweep cannot be made on the server: {refusal}; RLTRACK_MODE=offline makes "
                "it in a folder"
            ) from refusal
    return f"{whole}/{made['id']}"


def find_on_server(told: Connection, sweep_id: str, root: Path) -> ServerSweep:
    """A sweep of a server.

    Args:
        told: the server, and the key.
        sweep_id: with or without its entity and project.
        root: the folder into which runs are recorded here.

    Raises:
        NotFoundError: it has none, or is not there.
    """
    client = Client(told)
    name = sweep_id.strip("/").rpartition("/")[2]
    try:
        project = client.ask("GET", joined("api", "sweeps", name))["project"]
        return ServerSweep(client, project, name, root)
    except (LaterError, RefusedError) as refusal:
        client.close()
        raise NotFoundError(str(refusal)) from None
