"""What is known of a film that somebody's recorder makes: which episode, and what came of it."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rltrack.hooks._gym_place import Place, find_place


@dataclass(slots=True, eq=False)
class Episode:
    """One episode, as far as it was seen. Of several envs that are filmed as one it is the first's."""

    number: int | None
    """Counted from 0, by the recorder where it counts."""
    seed: int | None
    """Of the last reset that had one."""
    whole: bool
    """Whether it was seen from its beginning."""
    total_reward: float = 0.0
    length: int = 0
    """Timesteps."""
    over: bool = False
    told: tuple[float, int] | None = None
    """Return and length as a monitor inside told them."""

    @property
    def outcome(self) -> tuple[float, int] | None:
        """Return and length; None if it goes on, or its beginning is not known."""
        if not self.over:
            return None
        return (self.total_reward, self.length) if self.whole else self.told


@dataclass(slots=True, eq=False)
class Film:
    """A video that is being made, or is done."""

    path: str
    name: str
    """The recorder's prefix for its files."""
    fps: float
    episode: Episode | None = None
    """The one that it begins with; None until a timestep of it was filmed."""
    place: Place | None = None
    timesteps: int | None = None
    """Of all envs beside this one, when the film was done, as the recorder counted."""


@dataclass(slots=True, eq=False)
class Reel:
    """What is remembered of one recorder, beside it: nothing is written on the object."""

    recorder: weakref.ref[Any]
    episode: Episode
    film: Film | None = None
    done: list[Film] = field(default_factory=list)
    """Finished inside of a call whose reward is not known yet."""
    inside: bool = False
    seed: int | None = None
    next_number: int | None = None
    """Of the next episode, where the recorder does not count them."""
    same_step: bool = False
    """Whether an env that ends is reset within the same step."""
    place: Place | None = None

    # -- as the recorder's methods are called ------------------------------------------------

    def step_begins(self) -> None:
        """A timestep is about to be made."""
        if self.film is not None and self.film.episode is None:
            self.film.episode = self.episode
        self.inside = True

    def step_ends(self, result: Any) -> None:
        """A timestep was made, which gave `result`: of an env, of several, or of SB3's."""
        if len(result) == 4:
            _, reward, done, infos = result
            info, over = infos[0], bool(done[0])
        else:
            _, reward, terminated, truncated, info = result
            over = bool(_first(terminated)) or bool(_first(truncated))
        episode = self.episode
        if episode.over:  # so this step was the reset that a vector env makes of itself
            self.episode_begins()
            return
        episode.total_reward += float(_first(reward))
        episode.length += 1
        if over:
            episode.over = True
            if not episode.whole:
                episode.told = _told(info)
            if self.same_step:
                self.episode_begins()

    def episode_begins(self, *, seed: int | None = None) -> None:
        """The env, or the first of several, was reset."""
        self.seed = seed if seed is not None else self.seed
        number = getattr(self.recorder(), "episode_id", None)
        if number is None and self.next_number is not None:
            number = self.next_number
            self.next_number += 1
        self.episode = Episode(number, self.seed, whole=True)

    def film_ends(self, film: Film, recorder: Any) -> None:
        """A recorder is about to write its film."""
        if self.place is None:
            self.place = find_place(recorder)
        film.place = self.place
        film.timesteps = _timesteps(recorder, self.place)
        film.episode = film.episode or self.episode


def new_reel(recorder: Any) -> Reel:
    """What is known of a recorder when it is first heard of, which may be in mid-episode."""
    number = getattr(recorder, "episode_id", None)
    if isinstance(number, int) and number < 0:
        number = None
    is_first = number is None and not getattr(recorder, "step_id", 1)
    return Reel(
        weakref.ref(recorder),
        Episode(number, None, whole=False),
        next_number=0 if is_first else None,
        same_step=_is_same_step(recorder),
    )


def _is_same_step(recorder: Any) -> bool:
    if hasattr(recorder, "venv"):  # SB3's
        return True
    mode = getattr(recorder, "autoreset_mode", None)
    if mode is not None:
        return getattr(mode, "name", "") == "SAME_STEP"
    return bool(getattr(recorder, "is_vector_env", False))  # those of gymnasium before 1.0


def _timesteps(recorder: Any, place: Place | None) -> int | None:
    """Timesteps so far: of this env and of those beside it, which step with it."""
    step_id = getattr(recorder, "step_id", None)
    if not isinstance(step_id, int):
        return None
    counts_from_0 = hasattr(recorder, "venv") or hasattr(recorder, "video_recorder")
    envs = getattr(recorder, "num_envs", None) or (place.count if place else 1)
    return (step_id if counts_from_0 else step_id + 1) * int(envs)


def first_seed(seed: Any) -> int | None:
    """Of what `reset` was given as seed, that of the first env."""
    if isinstance(seed, (list, tuple)):
        seed = seed[0] if seed else None
    return None if seed is None else int(seed)


def _first(value: Any) -> Any:
    """Of one value an env, that of the first env; the value itself where there is one env."""
    return value[0] if getattr(value, "ndim", 0) or isinstance(value, (list, tuple)) else value


def _told(info: Any) -> tuple[float, int] | None:
    """Return and length in the info of an episode's last step, if some monitor wrote them."""
    episode = info.get("episode") if isinstance(info, Mapping) else None
    if not isinstance(episode, Mapping) or not {"r", "l"} <= episode.keys():
        return None
    return float(_first(episode["r"])), int(_first(episode["l"]))
