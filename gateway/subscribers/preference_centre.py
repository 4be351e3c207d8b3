"""The preference centre: what somebody is sent, shown and changed by themselves, in one transaction and at once.

Topics are the device's. Choices are kept with the person where the device is somebody's, else on the device
(`model.choices`). To leave is one field; whoever left by mistake comes back by the same one, while nothing else of the
device has ended.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from gateway.model.app import App
from gateway.model.choices import OWN, Choices, choices_of
from gateway.model.consent import ConsentAct
from gateway.model.errors import Conflict, Invalid, NotFound
from gateway.model.ids import bucket_of_id
from gateway.model.person import Change as PersonChange
from gateway.model.person import Person
from gateway.model.subscriber import Subscription, SubscriptionState
from gateway.policy.profiles import changed
from gateway.store import audiences, profiles, subscriptions, topics
from gateway.store.database import Connection, Queryable
from gateway.store.topics import StoredTopic
from gateway.subscribers import people
from gateway.subscribers.choices import ChoiceFields, choices_said
from gateway.subscribers.consents import Occasion, note, said_of, take_back
from gateway.subscribers.preferences import check_slugs


class PreferenceChange(ChoiceFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change. What is left out stays; null takes a choice away.

    topics: all that the device is to follow. subscribed: false ends it at once, true takes that back. everywhere: what
    `subscribed` says holds for all devices of the same person.
    """

    topics: list[str] | None = None
    subscribed: bool | None = None
    everywhere: bool = False


class Centre(msgspec.Struct, frozen=True, kw_only=True):
    """What a device and its person chose.

    `names` are the person's, none where it is nobody's; `offered` the app's topics; `channels` those of their live
    devices.
    """

    device: Subscription
    names: list[str]
    choices: Choices
    offered: list[StoredTopic]
    channels: list[str]
    devices: int


async def read(db: Queryable, app: App, subscription_id: int) -> Centre:
    """Everything that may be shown to whoever holds the device. Raises `NotFound`."""
    device = await subscriptions.get(db, app, subscription_id)
    if device is None:
        raise NotFound("subscription")
    person = None if device.person is None else await profiles.get(db, app, device.person)
    facts = None if person is None else msgspec.to_builtins(person.profile)
    others = await _channels(db, app, person) if person is not None else {}
    return Centre(
        device=device,
        names=_names(device, person),
        choices=choices_of({OWN: device.own}, facts),
        offered=await topics.list_of_app(db, app.id),
        channels=sorted({device.provider, *others.values()}),
        devices=len(others.keys() | {device.id}),
    )


def _names(device: Subscription, person: Person | None) -> list[str]:
    if person is not None:
        return person.names
    return [] if device.person is None else [device.person]


async def _channels(db: Queryable, app: App, person: Person) -> dict[int, str]:
    ids = person.subscriptions
    buckets = sorted({bucket_of_id(one, home=app.home, spread=app.spread) for one in ids})
    found = await audiences.devices(db, app_id=app.id, buckets=buckets, ids=ids)
    return {number: one.provider for number, one in found.items()}


async def change(
    db: Queryable,
    app: App,
    device: Subscription,
    wish: PreferenceChange,
    occasion: Occasion,
    *,
    admit: Callable[[str | None], None] = lambda _person: None,
) -> None:
    """Does all of what is wished, or nothing.

    `admit` is asked about whoever has the device in the moment of the change, and raises where they are not meant.
    Raises `Invalid` with the field, `Conflict` where somebody who is gone would come back.
    """
    said = choices_said(wish, now=occasion.now)
    numbers = None if wish.topics is None else await _known(db, app, wish.topics)
    if wish.subscribed and device.state == SubscriptionState.GONE:
        raise Conflict("subscription_ended", "The browser or phone ended this subscription: opt in there anew.")
    work = _Work(app, wish, said, numbers, occasion, admit)
    if device.person is None:
        async with db.transaction() as tx:
            await work.on_device(tx, device.id, own=said)
        return

    async def on_person(tx: Connection, own: people.Own) -> list[str]:
        (name,) = own.values()
        # Devices first, as everybody does. What the person says takes the place of what the device said by itself.
        for one in await work.meant(tx, device):
            await work.on_device(tx, one, own=dict.fromkeys(said), is_other=one != device.id)
        return await work.on_person(tx, name)

    await people.copied(db, app, await people.write(db, app, [device.person], on_person))


async def _known(db: Queryable, app: App, slugs: Sequence[str]) -> tuple[int, ...]:
    checked = check_slugs(slugs)
    known = await topics.by_slug(db, app.id, checked)
    for slug in checked:
        if slug not in known:
            raise Invalid("topic_unknown", f"There is no topic {slug!r} in this app.", param="topics")
    return tuple(sorted(known.values()))


class _Work(msgspec.Struct, frozen=True):
    """A wish, checked, and what it does inside a transaction."""

    app: App
    wish: PreferenceChange
    said: Mapping[str, Any]
    numbers: tuple[int, ...] | None
    occasion: Occasion
    admit: Callable[[str | None], None]

    async def meant(self, tx: Connection, device: Subscription) -> list[int]:
        """The devices that it is about, in the order in which they are locked."""
        if not self.wish.everywhere or self.wish.subscribed is None or device.person is None:
            return [device.id]
        person = await profiles.get(tx, self.app, device.person)
        return sorted({device.id, *(person.subscriptions if person is not None else ())}, key=self._place)

    def _place(self, number: int) -> tuple[int, int]:
        return bucket_of_id(number, home=self.app.home, spread=self.app.spread), number

    async def on_device(self, tx: Connection, number: int, *, own: Mapping[str, Any], is_other: bool = False) -> None:
        """Topics and choices of this device, and whether it is there at all."""
        found = await subscriptions.lock(tx, self.app, number)
        if found is None:
            return
        if not is_other:
            self.admit(found.person)
        if not is_other and (self.numbers is not None or own):
            held = {name: value for name, value in {**found.own, **own}.items() if value is not None}
            is_own_news = held != found.own
            patch = subscriptions.Change(topics=self.numbers, own=held if is_own_news else None)
            await subscriptions.patch(tx, self.app, number, patch)
            if self.numbers is not None and set(self.numbers) != set(found.topics):
                await self._note(tx, found, ConsentAct.CHANGED, topics=self.wish.topics)
        if self.wish.subscribed is False:
            await take_back(tx, self.app, found, self.occasion)
        elif self.wish.subscribed and found.state == SubscriptionState.LEFT:
            await subscriptions.revive(tx, self.app, number)
            await self._note(tx, found, ConsentAct.GIVEN, consent=found.consent)

    async def _note(
        self,
        tx: Connection,
        found: Subscription,
        act: ConsentAct,
        *,
        consent: Mapping[str, Any] | None = None,
        topics: Sequence[str] | None = None,
    ) -> None:
        said = said_of(consent, self.occasion, topics=topics)
        await note(tx, self.app, found.id, act, self.occasion, person=found.person, said=said)

    async def on_person(self, tx: Connection, name: str) -> list[str]:
        """Choices of the person; whose devices are behind then."""
        if not self.said:
            return []
        person = (await profiles.lock(tx, self.app, [name]))[name]
        profile, set_at = changed(
            person.profile, person.set_at, PersonChange(choices=dict(self.said)), at_s=_seconds(self.occasion.now)
        )
        if profile == person.profile:
            return []
        await profiles.save_profiles(tx, self.app, [msgspec.structs.replace(person, profile=profile, set_at=set_at)])
        return [name]


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def is_empty(wish: PreferenceChange) -> bool:
    """Whether nothing at all is wished."""
    named = (wish.quiet_hours, wish.frequency, wish.paused_until, wish.channels_off)
    return wish.topics is None and wish.subscribed is None and all(one is UNSET for one in named)
