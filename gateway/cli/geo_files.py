"""The state of the files of places, for `steeple geo status` and `steeple doctor`."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from gateway.config import Settings
from gateway.geo.locator import OFF, place_paths
from gateway.geo.place_file import Facts, NotPlaces, facts_of
from gateway.geo.registry import country_finder
from gateway.geo.zones import zone_finder

_OLD_DAYS: Final = 62
"""Files come out monthly; networks move."""


class FileState(msgspec.Struct, frozen=True):
    """A file, or why there is none."""

    path: str
    facts: Facts | None
    age_days: int = 0
    why: str = ""


class Remark(msgspec.Struct, frozen=True):
    """What `doctor` says; `remedy` where it is not fine."""

    state: Literal["fine", "warning", "wrong"]
    text: str
    remedy: str = ""


def is_of_db_ip(facts: Facts) -> bool:
    """Whether its licence asks to name DB-IP."""
    return facts.kind.upper().replace("-", "").startswith("DBIP")


def states_of(settings: Settings, *, now: datetime) -> list[FileState]:
    """Each file in force."""
    states: list[FileState] = []
    for path in () if settings.geo_db == OFF else place_paths(settings):
        try:
            facts = facts_of(path)
        except NotPlaces as fault:
            states.append(FileState(str(path), None, why=str(fault)))
        else:
            states.append(FileState(str(path), facts, age_days=max(0, (now - facts.built_at).days)))
    return states


def remarks_on(settings: Settings, *, now: datetime) -> list[Remark]:
    """What an operator should know of places."""
    if settings.geo_db == OFF:
        return [Remark("fine", "No address is looked up.")]
    return [*(_on_file(one, is_named=bool(settings.geo_db)) for one in states_of(settings, now=now)), *_on_packages()]


def _on_file(one: FileState, *, is_named: bool) -> Remark:
    if one.facts is None and is_named:
        return Remark("wrong", f"{one.path}: {one.why}.", "Mend STEEPLE_GEO_DB, or run `steeple geo fetch` without it.")
    if one.facts is None:
        return Remark(
            "warning",
            "There is no file of cities: devices are placed by country at most.",
            "`steeple geo fetch` gets one; STEEPLE_GEO_DB=off says that none is wanted.",
        )
    if one.age_days > _OLD_DAYS:
        return Remark("warning", f"{one.path} is {one.age_days} days old.", "Run `steeple geo fetch` each month.")
    return Remark("fine", f"{one.path}, {one.age_days} days old")


def _on_packages() -> list[Remark]:
    lacks = {
        "no country is guessed without a file": country_finder() is None,
        "places have no zones": zone_finder() is None,
    }
    missing = [text for text, is_missing in lacks.items() if is_missing]
    remedy = "Install the extra: pip install 'steeple[geo]'."
    return [Remark("warning", f"The extra geo is not installed: {', '.join(missing)}.", remedy)] if missing else []
