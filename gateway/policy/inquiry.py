"""Who says so? Asked before a lane is stopped for what single devices got, as anybody may register bad addresses.

A stranger is a device that no push service ever took anything for. Strangers alone say nothing of a key or a service,
where there are others who were reached; where nobody ever was, they are all there is to go by.
"""

from collections import deque

from gateway.model.limits import INQUIRY_DEVICES_MAX, INQUIRY_KNOWN_MIN


class Witnesses:
    """The devices that something was said against a lane by since the last push that was taken."""

    def __init__(self) -> None:
        self._latest: deque[int] = deque(maxlen=INQUIRY_DEVICES_MAX)
        self._known: set[int] = set()

    def __len__(self) -> int:
        """How much was said against the lane, as far as it is kept."""
        return len(self._latest)

    def add(self, device: int) -> None:
        """Hears one."""
        self._latest.append(device)

    def clear(self) -> None:
        """A push was taken: what was said before it is refuted."""
        self._latest.clear()
        self._known.clear()

    @property
    def latest(self) -> tuple[int, ...]:
        """Those to ask about."""
        return tuple(dict.fromkeys(self._latest))

    def are_believed(self, known: set[int], *, is_anybody_known: bool) -> bool:
        """Whether they prove anything: `known` of them were reached before, or nobody was with this key."""
        self._known |= known
        return not is_anybody_known or len(self._known) >= INQUIRY_KNOWN_MIN
