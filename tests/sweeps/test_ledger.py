"""What agents agree on, one step at a time."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rltrack.errors import StorageError, UsageError
from rltrack.sweeps.folder import SweepFolder, find_folder, make_folder
from rltrack.sweeps.ledger import HEARTBEAT_TIMEOUT_S, Ledger, Trial
from rltrack.sweeps.schema import Retry

CONFIG = json.dumps({"method": "grid", "parameters": {"a": {"min": 0, "max": 9}}})


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return make_folder(tmp_path, "p", CONFIG)


class Agents:
    """Agents of one sweep, with a clock of their own."""

    def __init__(self, folder: SweepFolder) -> None:
        self.folder = folder
        self.ahead_s = 0.0
        self.all: list[Ledger] = []

    def __call__(self, **retry: int) -> Ledger:
        ledger = Ledger(self.folder, Retry(**retry), now=lambda: time.time() + self.ahead_s)
        ledger.join()
        self.all.append(ledger)
        return ledger

    def elsewhere(self, **retry: int) -> Ledger:
        """One whose process cannot be seen from here: only its heartbeat tells of it."""
        agent = self(**retry)
        agent._write({"t": "agent", "host": "another", "pid": 1, "process": "x/y/1"})
        return agent


@pytest.fixture
def agents(folder: SweepFolder) -> Iterator[Agents]:
    made = Agents(folder)
    yield made
    for agent in made.all:
        agent.leave()


def choose(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"a": number}, {}


def claim(agent: Ledger, most: int | None = 10) -> Trial:
    agent._looked_at = float("-inf")  # or agents would be looked at twice a second only
    trial = agent.claim(choose, most)
    assert trial is not None
    return trial


def test_numbers_are_shared_out_in_order(agents: Agents) -> None:
    first, second = agents(), agents()

    taken = [claim(agent).number for agent in (first, second, second, first)]

    assert taken == [0, 1, 2, 3]
    first.poll()
    second.poll()
    assert {n: t.agent for n, t in first.trials.items()} == {
        0: first.name,
        1: second.name,
        2: second.name,
        3: first.name,
    }
    assert first.claim(choose, 4) is None
    assert first.is_open(4)
    for trial in list(first.trials.values()):
        first.end(trial, "finished", [1.0])
    assert not first.is_open(4)


def test_the_trial_of_an_agent_that_left_is_gone_on_with(agents: Agents) -> None:
    """With the same parameters and the same run."""
    first, second = agents(), agents()
    trial = claim(first)
    first.leave()

    again = claim(second)

    assert (again.number, again.attempt, again.losses) == (0, 2, 1)
    assert (again.run_id, again.parameters) == (trial.run_id, trial.parameters)
    assert claim(second).number == 1


def test_an_agent_of_another_host_is_dead_when_its_heartbeat_is_old(agents: Agents) -> None:
    """And if it was not after all, its word does not count any more."""
    first, second = agents.elsewhere(), agents()
    trial = claim(first)

    agents.ahead_s = HEARTBEAT_TIMEOUT_S / 2
    assert claim(second).number == 1
    agents.ahead_s = HEARTBEAT_TIMEOUT_S * 2
    assert claim(second).number == 0

    assert first.is_mine(trial)  # as far as it knows
    first.poll()
    assert not first.is_mine(trial)
    first.end(trial, "finished", [7.0])
    second.poll()
    assert second.trials[0].state == "running"
    second.end(second.trials[0], "finished", [1.0])
    fresh = Ledger(agents.folder)
    fresh.poll()
    assert fresh.trials[0].values == [1.0]


def test_a_claim_that_was_never_written_down_is_found(agents: Agents, folder: SweepFolder) -> None:
    """Its agent died between the claim and its log: a hole in the numbers."""
    first, second = agents(), agents()

    def die(number: int) -> Any:
        raise SystemExit

    with pytest.raises(SystemExit):
        first.claim(die, 10)
    assert claim(second).number == 1  # the first still lives
    first.leave()

    again = claim(second)

    assert (again.number, again.attempt, again.parameters) == (0, 2, {"a": 0})
    assert claim(second).number == 2


def test_two_that_died_one_after_the_other_lose_nothing(agents: Agents) -> None:
    """The second while it took over from the first."""
    first, second, third = agents(), agents(), agents()
    claim(first)
    first.leave()
    second._looked_at = float("-inf")
    second.poll()
    assert second.board.take(0, 2, second.name)
    second.leave()

    again = claim(third)

    assert (again.number, again.attempt) == (0, 3)


def test_a_trial_that_ends_every_agent_is_given_up(agents: Agents) -> None:
    """Or it would end all there are, as one that runs out of memory would."""
    for _ in range(3):
        agent = agents(lost=2)
        assert claim(agent).number == 0
        agent.leave()
    last = agents(lost=2)

    assert claim(last).number == 1
    assert (last.trials[0].state, last.trials[0].attempt) == ("failed", 3)
    assert "died" in str(last.trials[0].reason)


def test_a_trial_that_was_given_back_does_not_count_as_lost(agents: Agents) -> None:
    agent = agents(lost=0)
    for attempt in (1, 2, 3):
        trial = claim(agent)
        assert (trial.number, trial.attempt) == (0, attempt)
        agent.end(trial, "lost", None, "Ctrl-C", counts=False)


def test_a_trial_can_be_paused_and_cancelled_while_it_waits(agents: Agents) -> None:
    agent = agents()
    trial = claim(agent)
    agent.ask(0, "pause", "its user")
    agent.end(trial, "lost", None, "its user", counts=False)
    assert claim(agent).number == 1
    assert agent.is_open(2)
    agent.ask(0, "resume", "its user")
    again = claim(agent)
    assert (again.number, again.attempt) == (0, 2)

    agent.end(again, "lost", None, "Ctrl-C", counts=False)
    agent.ask(0, "cancel", "its user")
    assert claim(agent).number == 2
    assert agent.trials[0].state == "stopped"


def test_the_last_word_on_the_sweep_counts_for_all(agents: Agents) -> None:
    first, second = agents(), agents()
    first.set_state("PAUSED")
    assert second.claim(choose) is None
    second.set_state("RUNNING")
    first.set_state("CANCELED", "enough")

    fresh = Ledger(agents.folder)
    fresh.poll()
    assert (fresh.state, fresh.state_reason) == ("CANCELED", "enough")
    assert second.claim(choose) is None
    assert not second.is_open(None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.data())
def test_a_ledger_that_is_read_anew_is_the_one_that_was_followed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever the agents did, in whatever order: all see the same trials."""
    agents = Agents(make_folder(tmp_path_factory.mktemp("sweep"), "p", CONFIG))
    following = agents(failed=1, lost=1)
    going = [agents(failed=1, lost=1) for _ in range(3)]
    for _ in range(data.draw(st.integers(1, 15))):
        agent = data.draw(st.sampled_from(going))
        running: list[Trial] = [
            one
            for one in agent.trials.values()
            if one.agent == agent.name and one.state == "running"
        ]
        if running and data.draw(st.sampled_from([True, False])):
            state: Any = data.draw(st.sampled_from(["finished", "failed", "stopped", "lost"]))
            agent.end(running[0], state, [1.0] if state == "finished" else None)
        elif agent.trials and data.draw(st.sampled_from([True, False])):
            what: Any = data.draw(st.sampled_from(["pause", "resume", "stop", "cancel"]))
            agent.ask(data.draw(st.sampled_from(sorted(agent.trials))), what, "its user")
        else:
            agent._looked_at = float("-inf")
            agent.claim(choose, 6)
        following.poll()
    fresh = Ledger(agents.folder, Retry(failed=1, lost=1))
    fresh.poll()
    following.poll()

    assert fresh.trials == following.trials
    assert (fresh._again, fresh._held) == (following._again, following._held)
    assert sorted(fresh.trials) == list(range(len(fresh.trials)))
    for one in agents.all:
        one.leave()


def test_half_a_line_is_waited_for(agents: Agents, folder: SweepFolder) -> None:
    """A network file system shows what was written in parts."""
    agent, reader = agents(), Ledger(folder)
    path = folder.logs / "other.jsonl"
    line = json.dumps({"t": "trial", "n": 0, "k": 1, "run": "r", "parameters": {}, "at": 1}) + "\n"
    for cut in (0, 5, len(line)):
        path.write_text(line[:cut])
        reader.poll()
    agent.poll()

    assert list(reader.trials) == list(agent.trials) == [0]


def race(path: str, count: int, gate: Any, taken: Any) -> None:
    ledger = Ledger(SweepFolder(Path(path)))
    ledger.join()
    gate.wait()
    own = []
    while (trial := ledger.claim(choose, count)) is not None:
        own.append(trial.number)
        ledger.end(trial, "finished", [0.0])
    ledger.leave()
    taken.put(own)


def test_agents_that_race_for_each_trial_never_get_the_same(folder: SweepFolder) -> None:
    context = multiprocessing.get_context("spawn")
    gate, taken = context.Barrier(4), context.SimpleQueue()
    processes = [
        context.Process(target=race, args=(str(folder.path), 400, gate, taken)) for _ in range(4)
    ]
    for process in processes:
        process.start()
    numbers = [number for _ in processes for number in taken.get()]
    for process in processes:
        process.join()

    assert sorted(numbers) == list(range(400))


def test_a_folder_that_is_no_sweep_or_cannot_be_one_is_told(tmp_path: Path) -> None:
    made = make_folder(tmp_path, "p", CONFIG, "mine")
    with pytest.raises(UsageError, match="is there already"):
        make_folder(tmp_path, "p", CONFIG, "mine")
    (made.path / "sweep.json").write_text("{")
    with pytest.raises(StorageError, match="cannot be read"):
        find_folder(tmp_path, "mine").facts()
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        make_folder(tmp_path / "file", "p", CONFIG)


def test_what_others_may_not_write_is_read(folder: SweepFolder, agents: Agents) -> None:
    """As by `Api` of somebody else."""
    claim(agents())
    before = sorted(os.listdir(folder.logs))
    ledger = Ledger(folder)
    ledger.poll()

    assert list(ledger.trials) == [0]
    assert sorted(os.listdir(folder.logs)) == before
