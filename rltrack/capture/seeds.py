"""Which seeds are in force: what can be known of them without asking for a number.

PyTorch says its seed. NumPy and Python keep only a state, from which no seed can be read back; but
whether a seed that somebody names gives that state can be tried. So their seeds are known until
the first number is drawn. A library that nobody has loaded is not loaded for it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable

from rltrack.journal.records import Json


def seeds(guesses: Iterable[object] = ()) -> dict[str, Json]:
    """The seed of each generator of random numbers, where it is known.

    Args:
        guesses: seeds that may have been set: what the config calls so.
    """
    found: dict[str, Json] = {}
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "initial_seed"):  # it may be half loaded
        found["torch"] = int(torch.initial_seed())
    known = [one for one in (*guesses, found.get("torch"), 0) if type(one) is int and one >= 0]
    if (seed := _numpys(known)) is not None:
        found["numpy"] = seed
        known.append(seed)
    state = random.getstate()
    for guess in dict.fromkeys(known):
        if random.Random(guess).getstate() == state:
            found["random"] = guess
            break
    return found


def _numpys(guesses: list[int]) -> int | None:
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is None or not hasattr(numpy_random, "RandomState"):
        return None
    name, keys, position, *_ = numpy_random.get_state()
    if name != "MT19937" or position != len(keys):
        return None  # a number was drawn
    for guess in dict.fromkeys((int(keys[0]), *guesses)):
        if guess < 1 << 32 and (numpy_random.RandomState(guess).get_state()[1] == keys).all():
            return guess
    return None
