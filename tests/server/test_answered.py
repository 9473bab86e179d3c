"""Charts that were asked for before: never an old answer."""

from __future__ import annotations

from pathlib import Path

import httpx

import rltrack
from rltrack.server.answered import Answered


def test_an_answer_is_found_once_and_forgotten_when_there_are_too_many() -> None:
    """By their size, the least lately used first."""
    answered = Answered(most_bytes=10)
    found: list[str] = []

    def ask(question: str) -> bytes:
        def work() -> bytes:
            found.append(question)
            return question.encode() * 4

        return answered.answer(question, 1, work)

    assert [ask(question) for question in "abab"] == [b"aaaa", b"bbbb", b"aaaa", b"bbbb"]
    assert found == ["a", "b"]
    ask("c")
    assert (ask("b"), ask("a")) == (b"bbbb", b"aaaa")
    assert found == ["a", "b", "c", "a"]


def test_of_each_question_the_last_answer_is_kept() -> None:
    """While a training goes on, those before would fill the memory and serve nobody."""
    answered = Answered(most_bytes=10)
    for state in range(100):
        assert answered.answer("a", state, lambda state=state: b"%d" % state) == b"%d" % state  # type: ignore[misc]
    answered.answer("b", 0, lambda: b"12345678")
    assert answered.answer("a", 99, lambda: b"another") == b"99"


def test_a_chart_of_a_live_run_is_never_an_old_one(root: Path, client: httpx.Client) -> None:
    """Each row is in the answer to the question behind it, and a run made anew is another."""
    body = {"panels": [{"key": "loss", "runs": ["a"], "x": "_step"}]}

    def ask() -> bytes:
        return client.post("/api/projects/p/series", json=body).content

    run = rltrack.init(project="p", id="a")
    answers = []
    for step in range(5):
        run.log({"loss": step})
        answers.append(ask())
    assert len(set(answers)) == 5
    run.finish()
    assert ask() == ask() == answers[-1]
