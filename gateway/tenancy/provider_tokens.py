"""Access tokens of providers, shared by all processes through the store: one renews ahead, the others go on meanwhile.

A provider counts tokens: many processes that each make their own get refused, and an hour later all of them would ask
anew in the same second. So a token is made by whoever holds the lease on its name, on database time, and lies in the
store sealed for that name. A process remembers it and looks again when it is due, so that a push costs a dictionary
look-up. Ages come from the database and are carried on by a clock that never jumps.

When making one fails, the old one serves until its end; attempts have pauses that grow and that all processes keep.
"""

import asyncio
import contextlib
import hashlib
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from gateway.model.errors import StoreUnavailable
from gateway.model.limits import (
    PROVIDER_TOKENS_KEPT_MAX,
    TOKEN_LEASE_S,
    TOKEN_LOOK_AGAIN_S,
    TOKEN_LOOKS_MAX,
    TOKEN_PAUSE_BASE_S,
    TOKEN_PAUSE_CAP_S,
    TOKEN_POLL_S,
)
from gateway.store import provider_tokens
from gateway.store.database import Queryable
from gateway.store.provider_tokens import StoredToken
from gateway.telemetry import log
from gateway.transports.base import Token
from gateway.wire.exchange import WireFailure
from gateway.wire.vault import SealBroken, UnknownMasterKey, Vault

_LAST_PART: Final = 0.1
"""In the last tenth of its life a token is due for renewal, whatever its user said."""
_DOUBLINGS_MAX: Final = 16


class _Wish(msgspec.Struct, frozen=True):
    """What somebody asked for."""

    name: str
    make: Callable[[], Awaitable[Token]]
    renew_after_s: float
    refused: str | None
    age_s_min: float

    @property
    def key(self) -> bytes:
        return hashlib.sha256(self.name.encode()).digest()

    def is_content_with(self, token: Token, seen: StoredToken) -> bool:
        """Whether nothing has to be made."""
        if token.text == self.refused and seen.age_s >= self.age_s_min:
            return False
        return self.fresh_s(age_s=seen.age_s, left_s=seen.left_s) > 0

    def fresh_s(self, *, age_s: float, left_s: float) -> float:
        """For so long nobody needs to think of the next one."""
        return min(self.renew_after_s - age_s, left_s - _LAST_PART * (age_s + left_s))


class _Held(msgspec.Struct):
    """The token that this process goes on with; times are those of its own clock."""

    token: Token
    look_at_s: float
    ends_at_s: float


class _Failed(msgspec.Struct, frozen=True):
    """An attempt of this process that failed: what is said to everybody who asks before `until_s`."""

    fault: Exception
    until_s: float


class SharedTokens:
    """Implements `transports.base.Tokens` for one process. Make one for all providers; `aclose` it before the database.

    Raises what `make` raises, to this process; `WireFailure` (unreachable) while another process's attempt has failed
    a moment ago or the store is away, and there is no token to go on with.
    """

    def __init__(
        self,
        db: Queryable,
        vault: Vault,
        *,
        clock: Callable[[], float] = time.monotonic,
        dice: random.Random | None = None,
        lease_s: float = TOKEN_LEASE_S,
    ) -> None:
        """`clock` counts seconds and never goes back; `lease_s` is above what making a token may take."""
        self._db = db
        self._vault = vault
        self._clock = clock
        self._dice = dice or random.Random()  # noqa: S311 - spreads attempts, keeps no secret
        self._lease_s = lease_s
        self._held: dict[str, _Held] = {}
        self._failed: dict[str, _Failed] = {}
        self._running: dict[str, asyncio.Task[Token]] = {}

    async def get(
        self,
        name: str,
        make: Callable[[], Awaitable[Token]],
        *,
        renew_after_s: float,
        refused: str | None = None,
        age_s_min: float = 0.0,
    ) -> Token:
        """See `transports.base.Tokens`. `make` must end within the lease; several askers of this process share one."""
        held = self._held.get(name)
        if held is not None and refused is None and self._clock() < held.look_at_s:
            return held.token
        return await self._look(_Wish(name, make, renew_after_s, refused, age_s_min), held)

    async def aclose(self) -> None:
        """Gives up what is under way; a lease that was held then runs out."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, wish: _Wish, held: _Held | None) -> Token:
        now_s = self._clock()
        if held is not None and held.token.text != wish.refused and now_s < held.ends_at_s:
            if now_s >= held.look_at_s and wish.name not in self._running:
                held.look_at_s = min(now_s + self._lease_s, held.ends_at_s)
                self._start(wish)
            return held.token
        if wish.name in self._running:
            token = await self._join(wish)
            if token.text != wish.refused:
                return token
            # It had been begun for somebody to whom the refused one was good enough.
        return await self._join(wish)

    async def _join(self, wish: _Wish) -> Token:
        """What the attempt under way gives, or else one begun now; nothing is begun while a failure is recent."""
        running = self._running.get(wish.name)
        if running is None:
            failed = self._failed.get(wish.name)
            if failed is not None and self._clock() < failed.until_s:
                raise failed.fault.with_traceback(None)  # or its traceback would grow with everybody who hears of it
            running = self._start(wish)
        # Whoever gives up waiting does not take the token away from the others.
        return await asyncio.shield(running)

    def _start(self, wish: _Wish) -> asyncio.Task[Token]:
        task = self._running[wish.name] = asyncio.create_task(self._run(wish))
        task.add_done_callback(_heard)
        return task

    async def _run(self, wish: _Wish) -> Token:
        try:
            return await self._obtain(wish)
        except Exception as fault:
            held = self._held.get(wish.name)
            if held is None or held.token.text == wish.refused or self._clock() >= held.ends_at_s:
                raise
            log("tokens").warning("token_renewal_failed", name=wish.key.hex()[:8], fault=type(fault).__name__)
            failed = self._failed.get(wish.name)
            again_s = self._clock() + TOKEN_LOOK_AGAIN_S
            held.look_at_s = min(held.ends_at_s, max(again_s, failed.until_s if failed else 0.0))
            return held.token
        finally:
            self._running.pop(wish.name, None)

    async def _obtain(self, wish: _Wish) -> Token:
        """The shared token, or the next one made by us, or by whoever is at it."""
        try:
            for _ in range(TOKEN_LOOKS_MAX):
                token = await self._step(wish)
                if token is not None:
                    return token
        except StoreUnavailable as away:
            raise WireFailure("unreachable", "The store of access tokens cannot be reached.") from away
        raise WireFailure("timeout", "Whoever makes the access token has not come to an end.")

    async def _step(self, wish: _Wish) -> Token | None:
        """One look at the store and what follows from it; None: look again."""
        seen = await provider_tokens.read(self._db, wish.key)
        shared = self._opened(wish, seen)
        if seen is not None and shared is not None and wish.is_content_with(shared, seen):
            return self._keep(wish, shared, age_s=seen.age_s, left_s=seen.left_s)
        if seen is None or (seen.leased_s <= 0 and seen.paused_s <= 0):
            return await self._make_if_leased(wish, 0 if seen is None else seen.made_no)
        if shared is not None and shared.text != wish.refused:
            look_s = max(TOKEN_LOOK_AGAIN_S, seen.paused_s)
            return self._keep(wish, shared, age_s=seen.age_s, left_s=seen.left_s, look_s=look_s)
        if seen.paused_s > 0:
            raise WireFailure("unreachable", "An access token could not be had a moment ago.")
        await asyncio.sleep(TOKEN_POLL_S)
        return None

    async def _make_if_leased(self, wish: _Wish, made_no: int) -> Token | None:
        owner = secrets.randbits(63)
        failures = await provider_tokens.lease(self._db, wish.key, owner=owner, made_no=made_no, lease_s=self._lease_s)
        if failures is None:
            return None
        began_s = self._clock()
        try:
            token = await wish.make()
        except Exception as fault:
            await self._note_failure(wish, fault, owner=owner, made_no=made_no, failures=failures)
            raise
        self._failed.pop(wish.name, None)
        return await self._share(wish, token, owner=owner, made_no=made_no, age_s=self._clock() - began_s)

    async def _note_failure(self, wish: _Wish, fault: Exception, *, owner: int, made_no: int, failures: int) -> None:
        pause_s = min(TOKEN_PAUSE_CAP_S, TOKEN_PAUSE_BASE_S * 2 ** min(failures, _DOUBLINGS_MAX))
        pause_s *= self._dice.uniform(0.8, 1.2)
        if len(self._failed) >= PROVIDER_TOKENS_KEPT_MAX:
            self._failed.clear()
        self._failed[wish.name] = _Failed(fault, self._clock() + pause_s)
        with contextlib.suppress(StoreUnavailable):
            await provider_tokens.fail(self._db, wish.key, owner=owner, made_no=made_no, pause_s=pause_s)

    async def _share(self, wish: _Wish, token: Token, *, owner: int, made_no: int, age_s: float) -> Token | None:
        """Tells the others. None: the lease had run out, and somebody else's token is the one to share."""
        sealed = self._vault.seal(token.text.encode(), context=_context(wish))
        left_s = token.expires_at_s - token.made_at_s - age_s
        with contextlib.suppress(StoreUnavailable):  # the token is good all the same
            times = await provider_tokens.publish(
                self._db, wish.key, owner=owner, made_no=made_no, sealed=sealed, age_s=age_s, left_s=left_s
            )
            if times is None:
                return None
            token = Token(text=token.text, made_at_s=times[0], expires_at_s=times[1])
            await provider_tokens.prune(self._db)
        return self._keep(wish, token, age_s=age_s, left_s=left_s)

    def _keep(self, wish: _Wish, token: Token, *, age_s: float, left_s: float, look_s: float | None = None) -> Token:
        if look_s is None:
            look_s = wish.fresh_s(age_s=age_s, left_s=left_s)
        if len(self._held) >= PROVIDER_TOKENS_KEPT_MAX and wish.name not in self._held:
            self._held.clear()
        now_s = self._clock()
        self._held[wish.name] = _Held(token, now_s + min(look_s, left_s), now_s + left_s)
        return token

    def _opened(self, wish: _Wish, seen: StoredToken | None) -> Token | None:
        """The shared token, if there is one that can still be used."""
        if seen is None or seen.sealed is None or seen.left_s <= 0:
            return None
        try:
            text = self._vault.open(seen.sealed, context=_context(wish)).decode()
        except (UnknownMasterKey, SealBroken):
            return None  # sealed before the master key was changed: made anew rather than mourned
        return Token(text=text, made_at_s=seen.made_at_s, expires_at_s=seen.expires_at_s)


def _context(wish: _Wish) -> str:
    return f"provider_token/{wish.key.hex()}"


def _heard(task: asyncio.Task[Token]) -> None:
    """Nobody may be waiting for what was begun ahead of need: its fault is noted elsewhere."""
    if not task.cancelled():
        task.exception()
