"""People as the shop tells of them: made, changed, found, listed, and known under several names."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from gateway.model.app import App
from gateway.model.errors import Conflict, GatewayError, Invalid, NotFound, StoreUnavailable
from gateway.model.limits import ALIASES_PER_PERSON_MAX, IMPORT_STEP_LINES, PEOPLE_WRITE_ATTEMPTS_MAX
from gateway.model.person import Change, Person
from gateway.policy.event_facts import together
from gateway.policy.profiles import changed, contact_after, joined
from gateway.store import persons, profiles
from gateway.store.database import Connection, Queryable
from gateway.subscribers import aliases, people
from gateway.subscribers.aliases import Naming
from gateway.wire.vault import Vault


class ContactKeys(Protocol):
    """Where the key is found that e-mail addresses and phone numbers of an app are sealed with."""

    async def contact_vault(self, app_id: int) -> Vault:
        """Seals and opens."""
        ...


class Wish(msgspec.Struct, frozen=True):
    """A change of the person whom this name leads to."""

    name: str
    change: Change


class Result(msgspec.Struct, frozen=True):
    """What became of a wish: whether the person is new, or what was wrong."""

    is_new: bool = False
    fault: GatewayError | None = None


class Users:
    """What the shop's server may do with people."""

    def __init__(self, db: Queryable, keys: ContactKeys) -> None:
        self._db = db
        self._keys = keys

    async def get(self, app: App, name: str) -> Person:
        """The person of this name or other name. Raises `NotFound`."""
        found = await profiles.get(self._db, app, name)
        if found is None:
            raise NotFound("user")
        return found

    async def page(self, app: App, *, after: str | None, limit: int) -> list[Person]:
        """People behind this name, in a stable order."""
        return await profiles.page(self._db, app, after, limit)

    async def change(
        self, app: App, name: str, change: Change, *, now: datetime, is_known: bool = False
    ) -> tuple[Person, bool]:
        """Changes a person, or makes one; the person as they are then, and whether they are new.

        Raises `Invalid`; `NotFound` where `is_known` asks for somebody who is there.
        """
        if is_known:
            await self.get(app, name)
        (result,) = await self.change_many(app, [Wish(name, change)], now=now)
        if result.fault is not None:
            raise result.fault
        return await self.get(app, name), result.is_new

    async def change_many(self, app: App, wishes: Sequence[Wish], *, now: datetime) -> list[Result]:
        """A result for each wish, in order; two for one person come about one after the other. One transaction."""
        vault = await self._keys.contact_vault(app.id)

        async def work(tx: Connection, own: people.Own) -> tuple[list[Result], list[str]]:
            made = await people.made(tx, app, own.values())
            held = await profiles.lock(tx, app, set(own.values()))
            after, results = dict(held), list[Result]()
            for at, wish in enumerate(wishes, start=1):
                if at % IMPORT_STEP_LINES == 0:
                    await asyncio.sleep(0)  # others are answered meanwhile
                person = after[own[wish.name]]
                try:
                    after[person.name] = _changed(person, wish.change, app, vault, now=now)
                except Invalid as fault:
                    results.append(Result(fault=fault))
                else:
                    results.append(Result(is_new=person.name in made))
                    made.discard(person.name)
            differing = [one for name, one in after.items() if one is not held[name]]
            if differing:
                await profiles.save_profiles(tx, app, differing)
            return results, [one.name for one in differing if one.subscriptions]

        results, behind = await people.write(self._db, app, [wish.name for wish in wishes], work)
        await people.copied(self._db, app, behind)
        return results

    async def contact(self, app: App, person: Person) -> dict[str, str]:
        """E-mail address and phone number, as far as they are known. Secrets: never log them."""
        return {} if person.contact is None else _opened(person, app, await self._keys.contact_vault(app.id))

    async def add_alias(self, app: App, name: str, alias: str) -> Person:
        """Makes `alias` another name of the person `name`; the person as they are then.

        A person who was known by that name becomes one with them: all devices, of two values the newer one, events
        together. Raises `NotFound`, `Conflict` where the alias is another person's.
        """
        for _ in range(PEOPLE_WRITE_ATTEMPTS_MAX):
            kept = await self.get(app, name)
            owner = (await persons.names_of(self._db, app, [alias])).get(alias, alias)
            if owner == kept.name:
                return kept
            if owner != alias:
                raise Conflict("name_taken", "This name is another name of another user.", param="alias")
            other = await profiles.get(self._db, app, alias)
            _aliases_of(kept, alias, other)  # before anything is moved
            # Devices first, one by one, as a login moves them: the order of locks is the same everywhere.
            for subscription_id in other.subscriptions if other is not None else ():
                await persons.attach(self._db, app, kept.name, subscription_id)
            if await self._join(app, kept.name, alias):
                await people.copied(self._db, app, [kept.name])
                return await self.get(app, name)
        raise StoreUnavailable("The same users are being changed elsewhere all the time; try again.")

    async def own_names(self, app: App, names: Iterable[str]) -> Mapping[str, str]:
        """From each of these names that is another name of somebody to that person's own."""
        return await persons.names_of(self._db, app, names)

    async def alias_faults(self, app: App, wanted: Sequence[Naming]) -> list[GatewayError | None]:
        """For each of these, one after the other, why it cannot be, as far as that is known beforehand."""
        return await aliases.faults(self._db, app, wanted)

    async def add_aliases(self, app: App, wanted: Sequence[Naming]) -> dict[str, GatewayError]:
        """As `add_alias`, for many; what was wrong, by the name asked for."""
        wrong: dict[str, GatewayError] = {}
        for name, alias in await aliases.give(self._db, app, wanted):
            try:
                await self.add_alias(app, name, alias)
            except GatewayError as fault:
                if fault.kind == "unavailable":
                    raise
                wrong[name] = fault
        return wrong

    async def _join(self, app: App, kept_name: str, alias: str) -> bool:
        """False where a device logged in by the other name meanwhile."""
        vault = await self._keys.contact_vault(app.id)

        async def work(tx: Connection, own: people.Own) -> bool:
            if own[kept_name] != kept_name or own[alias] != alias:
                return False
            await people.made(tx, app, [alias])
            held = await profiles.lock(tx, app, [kept_name, alias])
            kept, other = held.get(kept_name), held[alias]
            if kept is None or other.subscriptions:
                return False
            aliases = _aliases_of(kept, alias, other)
            await profiles.save_profiles(tx, app, [_one_of(kept, other, app, vault)])
            await profiles.save_events(tx, app, {kept.name: together(kept.events, other.events)})
            await profiles.take_lists(tx, app, of=alias, to=kept.name, devices=kept.subscriptions)
            await profiles.save_aliases(tx, app, kept.name, aliases)
            for one in (alias, *other.aliases):
                await profiles.name_alias(tx, app, one, kept.name)
            return True

        return await people.write(self._db, app, [kept_name, alias], work)


def _aliases_of(kept: Person, alias: str, other: Person | None) -> list[str]:
    """The other names of a person with one more, and those of whoever goes by it. Raises `Invalid` for too many."""
    aliases = [*kept.aliases, alias, *(other.aliases if other is not None else ())]
    if len(aliases) > ALIASES_PER_PERSON_MAX:
        raise Invalid("field_invalid", f"A user has at most {ALIASES_PER_PERSON_MAX} other names.", param="alias")
    return aliases


def _changed(person: Person, change: Change, app: App, vault: Vault, *, now: datetime) -> Person:
    """The person after the change; the very same where it changes nothing."""
    profile, set_at = changed(person.profile, person.set_at, change, at_s=int(now.timestamp()))
    contact = person.contact
    if change.contact or (change.is_whole and contact is not None):
        held = {} if contact is None else _opened(person, app, vault)
        wanted = contact_after(held, change)
        contact = contact if wanted == held else _sealed(person.name, wanted, app, vault)
    if profile is person.profile and contact == person.contact:
        return person
    return msgspec.structs.replace(person, profile=profile, set_at=set_at, contact=contact)


def _one_of(kept: Person, other: Person, app: App, vault: Vault) -> Person:
    profile, set_at = joined((kept.profile, kept.set_at), (other.profile, other.set_at))
    contact = {**_opened(other, app, vault), **_opened(kept, app, vault)}
    return msgspec.structs.replace(
        kept, profile=profile, set_at=set_at, contact=_sealed(kept.name, contact, app, vault)
    )


def _context(app: App, name: str) -> str:
    return f"app_{app.id}/person/{name}"


def _sealed(name: str, contact: dict[str, str], app: App, vault: Vault) -> bytes | None:
    return vault.seal(msgspec.json.encode(contact), context=_context(app, name)) if contact else None


def _opened(person: Person, app: App, vault: Vault) -> dict[str, str]:
    if person.contact is None:
        return {}
    return msgspec.json.decode(vault.open(person.contact, context=_context(app, person.name)), type=dict[str, str])
