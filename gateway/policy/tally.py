"""How many messages anybody of a stretch got at most, without looking at who got which.

Most of the time no cap is anywhere near: where fewer messages came by than the smallest cap allows, nobody can have had
enough, and nobody's messages have to be counted. It may say too many, never too few.
"""

from collections.abc import Collection


class Tally:
    """The messages that reached anybody of one stretch lately: those to many, and those to one alone."""

    def __init__(self) -> None:
        self._shared: dict[int, float] = {}
        self._alone: dict[int, dict[int, float]] = {}
        self._most_alone = 0
        self._arrivals_alone = 0

    def __len__(self) -> int:
        """How many arrivals it remembers: asked ten times a second of each stretch, so that nothing is added up."""
        return len(self._shared) + self._arrivals_alone

    def add(self, message_id: int, at_s: float, *, alone: int | None = None) -> None:
        """A message came to many, or to this one alone; at the latest at this moment, as far as is known yet."""
        came = self._shared if alone is None else self._alone.setdefault(alone, {})
        is_new = message_id not in came
        came[message_id] = max(at_s, came.get(message_id, at_s))
        if alone is not None and is_new:
            self._arrivals_alone += 1
            self._most_alone = max(self._most_alone, len(came))

    def forget_before(self, moment_s: float) -> None:
        """Drops what no window reaches back to."""
        self._shared = {one: at_s for one, at_s in self._shared.items() if at_s > moment_s}
        kept = {one: {m: at_s for m, at_s in came.items() if at_s > moment_s} for one, came in self._alone.items()}
        self._alone = {one: came for one, came in kept.items() if came}
        self._most_alone = max(map(len, self._alone.values()), default=0)
        self._arrivals_alone = sum(map(len, self._alone.values()))

    @property
    def shared(self) -> Collection[int]:
        """The messages that came to many."""
        return self._shared.keys()

    @property
    def most_alone(self) -> int:
        """How many anybody got alone."""
        return self._most_alone
