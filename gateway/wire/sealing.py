"""Encrypts the bodies of one process without letting its event loop wait: from keys made ahead, else slice by slice.

P-256 and HTTP each fill a core's caches: taking turns message by message costs a third more than either in a row. And
threads do not help: the work holds the interpreter, and there is a process for each core.
"""

import asyncio
from collections import deque
from typing import Final

from gateway.model.limits import AGREEMENT_LIFE_S
from gateway.wire import ece
from gateway.wire.agreements import Agreements

_ENCRYPTED_PER_TURN: Final = 64
"""About 5 ms of work: timers and reads stay alive, and the HTTP of many goes in one write."""


class Sealing:
    """Make it inside the event loop that uses it."""

    def __init__(self, agreements: Agreements | None = None, *, life_s: float = AGREEMENT_LIFE_S) -> None:
        """`life_s`: how long a key made ahead is kept at most."""
        self._agreements = Agreements() if agreements is None else agreements
        self._waiting: deque[tuple[bytes, bytes, bytes, asyncio.Future[bytes]]] = deque()
        self._is_due = False
        self._life_s = life_s
        self._turning: asyncio.TimerHandle | None = None

    async def seal(self, plaintext: bytes, *, p256dh: bytes, auth: bytes) -> bytes:
        """The aes128gcm body of `plaintext` for the browser that owns these keys.

        Raises:
            ValueError: keys that no browser has, or more plaintext than fits.
        """
        made = self._agreements.take(p256dh, auth)
        if made is not None:
            return ece.seal(plaintext, made)
        loop = asyncio.get_running_loop()
        body: asyncio.Future[bytes] = loop.create_future()
        self._waiting.append((plaintext, p256dh, auth, body))
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._work, loop)
        return await body

    def make_ahead(self, *, p256dh: bytes, auth: bytes) -> bool:
        """Does now the larger part of what the next body for these keys needs; False: it is done, or there is no room.

        Kept for half of its life at least. Costs as much as an encryption: call it in slices.

        Raises:
            ValueError: keys that no browser has.
        """
        is_made = self._agreements.make(p256dh, auth)
        if is_made and self._turning is None:
            self._turn_later()
        return is_made

    def close(self) -> None:
        """Forgets what was made ahead."""
        self._agreements.clear()
        if self._turning is not None:
            self._turning.cancel()
            self._turning = None

    def _turn_later(self) -> None:
        self._turning = asyncio.get_running_loop().call_later(self._life_s / 2, self._turn)

    def _turn(self) -> None:
        self._turning = None
        self._agreements.turn()
        if len(self._agreements):
            self._turn_later()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(min(len(self._waiting), _ENCRYPTED_PER_TURN)):
            plaintext, p256dh, auth, body = self._waiting.popleft()
            if body.done():
                continue  # whoever asked was cancelled meanwhile
            try:
                body.set_result(ece.encrypt(plaintext, p256dh=p256dh, auth=auth))
            except Exception as fault:  # noqa: BLE001 - it goes to the one who asked
                body.set_exception(fault)
        self._is_due = bool(self._waiting)
        if self._is_due:
            loop.call_soon(self._work, loop)
