"""Whether the other side of an HTTP/2 connection is there, and whether it behaves.

Sources: RFC 9113 sections 6.7 (PING) and 10.5 (denial of service); CVE-2019-9512 (PING), 9514 (RST_STREAM), 9515
(SETTINGS), 9518 (empty frames).
"""

import asyncio

from gateway.model.limits import NEEDLESS_FRAMES_MAX, PING_AFTER_S, PING_ANSWER_S, PING_IDLE_S
from gateway.wire.http2_frames import ConnectionFault, ErrorCode

_FRAMES_PER_ANSWER = 4
"""What servers send beside an answer: updates of windows, mostly."""


class Watch:
    """Counts frames that are of no use, and says when to ask for a sign of life. Times are loop time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.heard_at_s = loop.time()
        self._patience = NEEDLESS_FRAMES_MAX
        self._patient_since_s = self.heard_at_s
        self._pings = 0
        self._pinged_at_s: float | None = None

    def hear(self) -> None:
        """Something came."""
        self.heard_at_s = self._loop.time()

    def endure(self) -> None:
        """A frame came that moves nothing on.

        Raises:
            ConnectionFault: one too many.
        """
        self._patience -= 1
        if self._patience < 0:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "it sends frame after frame that nobody needs")

    def answered(self, count: int) -> None:
        """So many requests were answered."""
        self._patience = min(self._patience + _FRAMES_PER_ANSWER * count, NEEDLESS_FRAMES_MAX)

    def ponged(self, payload: bytes) -> None:
        """An answer to a ping came; only that to the last one counts."""
        if payload == self._payload():
            self._pinged_at_s = None

    def is_dead(self, now_s: float) -> bool:
        """Whether the last ping was answered by nothing for too long."""
        return self._pinged_at_s is not None and now_s - self._pinged_at_s > PING_ANSWER_S

    def ping_due(self, now_s: float, *, is_busy: bool) -> bytes | None:
        """The payload of a ping that should go out now, after a silence; None: no need. Lets a new second begin."""
        if now_s - self._patient_since_s >= 1.0:
            self._patience, self._patient_since_s = NEEDLESS_FRAMES_MAX, now_s
        silence_s = now_s - self.heard_at_s
        if self._pinged_at_s is not None or silence_s < (PING_AFTER_S if is_busy else PING_IDLE_S):
            return None
        self._pings += 1
        self._pinged_at_s = now_s
        return self._payload()

    def _payload(self) -> bytes:
        return self._pings.to_bytes(8, "big")
