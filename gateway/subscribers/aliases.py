"""Other names for many people at once, as an import brings them: what cannot be is said before anything is changed.

A name that nobody goes by is given in bulk. Where somebody does, two people become one, which is done one by one
(`Users.add_alias`).
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from gateway.model.app import App
from gateway.model.errors import Conflict, GatewayError, Invalid
from gateway.model.limits import ALIASES_PER_PERSON_MAX
from gateway.model.person import Person
from gateway.store import aliases, profiles
from gateway.store.aliases import Known
from gateway.store.database import Connection, Queryable
from gateway.subscribers import people


class Naming(msgspec.Struct, frozen=True):
    """Other names that a person is to have, by one of the names they have."""

    name: str
    aliases: tuple[str, ...]


async def faults(db: Queryable, app: App, wanted: Sequence[Naming]) -> list[GatewayError | None]:
    """For each of these, one after the other, why it cannot be; None where it can, as far as that is known now."""
    if not any(one.aliases for one in wanted):
        return [None] * len(wanted)
    held = await aliases.known(db, app, [name for one in wanted for name in (one.name, *one.aliases)])
    owners = {one.alias_of for one in held.values() if one.alias_of is not None}
    if further := owners - held.keys():
        held |= await aliases.known(db, app, further)
    return _faults(wanted, held)


def _faults(wanted: Sequence[Naming], held: Mapping[str, Known]) -> list[GatewayError | None]:
    owner_of = {name: one.alias_of or name for name, one in held.items()}
    given = {name: list(one.aliases) for name, one in held.items() if one.alias_of is None}
    said: list[GatewayError | None] = []
    for one in wanted:
        owner = owner_of.get(one.name, one.name)
        more = [alias for alias in dict.fromkeys(one.aliases) if owner_of.get(alias, alias) != owner]
        mine = [*given.get(owner, ()), *more, *(name for alias in more for name in given.get(alias, ()))]
        if any(owner_of.get(alias, alias) != alias for alias in more):
            said.append(Conflict("name_taken", "This name is another name of another user.", param="aliases"))
        elif len(mine) > ALIASES_PER_PERSON_MAX:
            text = f"A user has at most {ALIASES_PER_PERSON_MAX} other names."
            said.append(Invalid("field_invalid", text, param="aliases"))
        else:
            given[owner] = mine
            owner_of |= dict.fromkeys(mine, owner) | {one.name: owner}
            said.append(None)
    return said


async def give(db: Queryable, app: App, namings: Iterable[Naming]) -> list[tuple[str, str]]:
    """Gives the names that nobody goes by, in one transaction; pairs of name and other name that are left to be joined.

    Who is asked for by `name` is there. Names that a person has already are not left.
    """
    asked = [(one.name, alias) for one in namings for alias in one.aliases]
    if not asked:
        return []

    async def work(tx: Connection, own: people.Own) -> list[tuple[str, str]]:
        pairs = list(dict.fromkeys((own[name], alias) for name, alias in asked if own[alias] != own[name]))
        held = await profiles.lock(tx, app, {person for person, _ in pairs}) if pairs else {}
        wanted = _with_room([pair for pair in pairs if own[pair[1]] == pair[1]], held)
        made = await aliases.make(tx, app, wanted) if wanted else set[str]()
        given = {pair: None for pair in wanted if pair[1] in made}
        if given:
            await aliases.list_more(tx, app, list(given))
        return [pair for pair in pairs if pair not in given]

    return await people.write(db, app, [name for pair in asked for name in pair], work)


def _with_room(pairs: Iterable[tuple[str, str]], held: Mapping[str, Person]) -> list[tuple[str, str]]:
    """Those of these pairs whose person is there and has room; of several for one other name the first."""
    room = {person: ALIASES_PER_PERSON_MAX - len(one.aliases) for person, one in held.items()}
    owners: dict[str, str] = {}
    for person, alias in pairs:
        if alias not in owners and room.get(person, 0) > 0:
            owners[alias] = person
            room[person] -= 1
    return [(person, alias) for alias, person in owners.items()]
