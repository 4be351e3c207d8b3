"""Virtual phones: an iPhone or an Android with one app on it, that shows what it gets, goes offline, loses its app.

Beside them stand the phones by the million of `phone_tokens.py`, which take everything and remember nothing.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from secrets import token_hex
from typing import Any, Literal

import msgspec

from gateway.sandbox.ledger import Fate
from gateway.sandbox.limits import GONE_TOKENS_MAX, PHONES_MAX, SHOWN_MAX, STORED_PER_PHONE_MAX
from gateway.sandbox.phone_tokens import Environment, Home, PhoneTokens, Service, names_of, random_token

Platform = Literal["ios", "android"]


class Gone(msgspec.Struct, frozen=True):
    """A token that no device has any more."""

    reason: str
    at_s: float
    """Since then, Unix seconds."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A push on its way to a phone, or shown by it."""

    id: str
    """The push service's own."""
    at: float
    """Unix seconds when the service took it."""
    expires_at_s: float
    payload: dict[str, Any]
    collapse: str | None
    """A later one of the same name takes its place."""


class Phone:
    """One phone. `shown` is what stands on its screen, the newest last."""

    def __init__(self, phone_id: str, platform: Platform, home: Home, token: str) -> None:
        self.id = phone_id
        self.platform: Platform = platform
        self.home = home
        self.token = token
        self.is_online = True
        self.has_app = True
        self.kept: list[Shown] = []
        self.shown: deque[Shown] = deque(maxlen=SHOWN_MAX)

    def describe(self) -> dict[str, object]:
        """For people and pages."""
        return {
            "id": self.id,
            "platform": self.platform,
            "channel": self.home.service,
            "owner": self.home.owner,
            "environment": self.home.environment if self.home.service == "apns" else None,
            "token": self.token,
            "online": self.is_online,
            "installed": self.has_app,
            "waiting": len(self.kept),
            "shown": [msgspec.to_builtins(one) for one in self.shown],
        }

    def show(self, push: Shown) -> None:
        """Put it on the screen, in the place of the one that it replaces."""
        if push.collapse is not None:
            for old in [old for old in self.shown if old.collapse == push.collapse]:
                self.shown.remove(old)
        self.shown.append(push)


class Found(msgspec.Struct, frozen=True):
    """What a token names: a phone of ours, one of many that take everything (`phone` None), or one that is gone."""

    home: Home
    phone: Phone | None = None
    gone: Gone | None = None


class Phones:
    """All phones of one sandbox."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.tokens = PhoneTokens()
        self._clock = clock
        self._phones: dict[str, Phone] = {}
        self._by_token: dict[str, Phone] = {}
        self._gone: OrderedDict[str, Gone] = OrderedDict()
        self._homes_of_gone: dict[str, Home] = {}

    def make(self, platform: Platform, owner: str, *, environment: Environment = "production") -> Phone:
        """A phone that is online and has the app `owner` (a bundle of Apple's, a project of Google's).

        Raises:
            ValueError: there are too many.
        """
        if len(self._phones) >= PHONES_MAX:
            raise ValueError(f"This sandbox plays {PHONES_MAX} phones; restart it to make more.")
        home = Home("apns", owner, environment) if platform == "ios" else Home("fcm", owner)
        phone = Phone(f"phone-{token_hex(4)}", platform, home, random_token(home.service))
        self._phones[phone.id] = phone
        self._by_token |= dict.fromkeys(names_of(phone.token), phone)
        return phone

    def mint(
        self, n: int, service: Service, owner: str, *, environment: Environment = "production", prefix: str = ""
    ) -> Iterator[str]:
        """Tokens of phones that take everything, see `PhoneTokens.mint`."""
        return self.tokens.mint(n, Home(service, owner, environment), prefix=prefix)

    def get(self, phone_id: str) -> Phone:
        """The phone of that id.

        Raises:
            ValueError: there is none.
        """
        phone = self._phones.get(phone_id)
        if phone is None:
            raise ValueError(f"There is no phone {phone_id}.")
        return phone

    def all(self) -> list[Phone]:
        """Every phone, the oldest first."""
        return list(self._phones.values())

    def find(self, token: str) -> Found | None:
        """What this token names; None: never heard of it."""
        if (phone := self._by_token.get(token)) is not None:
            return Found(phone.home, phone)
        if self._gone and (gone := self._gone.get(token)) is not None:
            return Found(self._homes_of_gone[token], None, gone)
        home = self.tokens.find(token)
        return None if home is None else Found(home)

    # --- what happens to phones ---------------------------------------------------------------------------------------
    def set_online(self, phone: Phone, *, is_online: bool) -> None:
        """Lose or find the network; what was kept meanwhile, and is still of use, is shown."""
        phone.is_online = is_online
        if is_online:
            kept, phone.kept = phone.kept, []
            for push in kept:
                if push.expires_at_s > self._clock():
                    phone.show(push)

    def uninstall(self, phone: Phone) -> None:
        """Remove the app: its token is dead from now on, and its notifications are gone."""
        self.forget_token(phone.token, "Unregistered")
        phone.has_app = False
        phone.kept.clear()
        phone.shown.clear()

    def register_again(self, phone: Phone) -> str:
        """Install or restore the app: a new token, the old one is dead."""
        if phone.has_app:
            self.forget_token(phone.token, "Unregistered")
        phone.has_app = True
        phone.token = random_token(phone.home.service)
        self._by_token |= dict.fromkeys(names_of(phone.token), phone)
        return phone.token

    def forget_token(self, token: str, reason: str, *, at_s: float | None = None) -> None:
        """Let a token be gone since `at_s` (now), by the service's own word; also one of the many.

        Raises:
            ValueError: no such token.
        """
        found = self.find(token)
        if found is None:
            raise ValueError("No phone has this token.")
        gone = Gone(reason, self._clock() if at_s is None else at_s)
        for name in names_of(token):
            self._by_token.pop(name, None)
            self._gone[name] = gone
            self._homes_of_gone[name] = found.home
        while len(self._gone) > GONE_TOKENS_MAX:
            oldest, _ = self._gone.popitem(last=False)
            del self._homes_of_gone[oldest]

    def hand_on(self, phone: Phone | None, push: Shown, *, keeps_one: bool) -> Fate:
        """Show a push, or keep it for a phone that is offline. `keeps_one`: only the newest waits, as at Apple's."""
        if phone is None:
            return "taken"
        if phone.is_online:
            phone.show(push)
            return "delivered"
        if push.expires_at_s <= self._clock():
            return "dropped"
        if keeps_one:
            phone.kept.clear()
        elif push.collapse is not None:
            phone.kept = [old for old in phone.kept if old.collapse != push.collapse]
        phone.kept = [*phone.kept[1 - STORED_PER_PHONE_MAX :], push]
        return "stored"
