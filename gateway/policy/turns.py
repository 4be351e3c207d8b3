"""Whose turn is it? Apps take turns, and within an app its messages: a campaign to millions waits for nobody's order.

A process remembers how many recipients it lately served of whom; whoever got least comes first. What was served long
ago counts less (half after each `HALVED_EVERY_S`), so that nobody is kept back for what an earlier day brought.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from gateway.model.work import Turn

HALVED_EVERY_S: Final = 30.0
_FORGOTTEN_BELOW: Final = 1.0
_Key = TypeVar("_Key")


class Turns:
    """Decides for one process. `clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._halved_at_s = clock()
        self._of_app: Counter[int] = Counter()
        self._of_message: Counter[tuple[int, int]] = Counter()

    def served(self, app_id: int, message_id: int, recipients: int) -> None:
        """Takes note of recipients that were read for sending."""
        self._of_app[app_id] += recipients
        self._of_message[app_id, message_id] += recipients

    def choose(self, due: Iterable[tuple[int, int]], *, places: int, recipients_each: int) -> list[Turn]:
        """Who gets the free places, of the (app, message) pairs that have something due.

        `recipients_each` is what a place is expected to serve: with one pair alone it gets all places, with several
        they alternate.
        """
        self._fade()
        waiting = list(dict.fromkeys(due))
        expected_app = Counter(self._of_app)
        expected_message = Counter(self._of_message)
        chosen: Counter[tuple[int, int]] = Counter()
        for _ in range(places if waiting else 0):
            pair = min(waiting, key=lambda one: (expected_app[one[0]], expected_message[one]))
            chosen[pair] += 1
            expected_app[pair[0]] += recipients_each
            expected_message[pair] += recipients_each
        return [Turn(app_id, message_id, chunks) for (app_id, message_id), chunks in chosen.items()]

    def _fade(self) -> None:
        halvings = int((self._clock() - self._halved_at_s) // HALVED_EVERY_S)
        if halvings < 1:
            return
        self._halved_at_s += halvings * HALVED_EVERY_S
        self._of_app = _faded(self._of_app, 0.5**halvings)
        self._of_message = _faded(self._of_message, 0.5**halvings)


def _faded(served: Counter[_Key], factor: float) -> Counter[_Key]:
    return Counter({key: int(n * factor) for key, n in served.items() if n * factor >= _FORGOTTEN_BELOW})
