"""What a connection's address tells of a device's place, with every kind of file and with none."""

from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from gateway.geo.locator import Locator
from gateway.geo.place_file import NotPlaces, PlaceFile, facts_of
from gateway.geo.registry import country_finder
from gateway.model.place import Place
from tests.geo.files import AMSTERDAM, NEW_YORK, NOWHERE_IN_AMERICA, SAO_PAULO, UNKNOWN, LayoutName, write_places


def place_in(path: Path, address: str) -> Place | None:
    return Locator([PlaceFile(path)]).of_address(address)


@pytest.mark.parametrize(
    ("layout", "region"), [("flat", "North Holland"), ("nested", "NL-NH"), ("nested without codes", "North Holland")]
)
def test_both_layouts_tell_the_same_place(tmp_path: Path, layout: LayoutName, region: str) -> None:
    """The operator may bring either; regions are codes where the file has some, else names."""
    path = write_places(tmp_path / "places.mmdb", layout)

    assert place_in(path, AMSTERDAM) == Place(
        country="NL",
        region=region,
        city="Amsterdam",
        lat=52.4,
        lon=4.9,
        timezone="Europe/Amsterdam",
        source="city_file",
    )
    assert facts_of(path).layout == layout.partition(" ")[0]


@pytest.mark.parametrize("layout", ["flat", "nested"])
def test_a_file_without_zones_gets_them_from_the_map(tmp_path: Path, layout: LayoutName) -> None:
    """DB-IP names no zones; quiet hours need them all the same."""
    path = write_places(tmp_path / "places.mmdb", layout, zones=False)

    found = [place_in(path, address) for address in (AMSTERDAM, NEW_YORK, SAO_PAULO)]

    assert [place.timezone for place in found if place] == ["Europe/Amsterdam", "America/New_York", "America/Sao_Paulo"]


@pytest.mark.parametrize("layout", ["flat", "nested"])
def test_an_american_of_no_known_city_is_not_put_into_chicago(tmp_path: Path, layout: LayoutName) -> None:
    """The middle of a country is no position, and its zone nobody's."""
    path = write_places(tmp_path / "places.mmdb", layout)

    assert place_in(path, NOWHERE_IN_AMERICA) == Place(country="US", source="city_file")


def test_an_address_of_the_old_kind_in_the_new_one_is_the_same(tmp_path: Path) -> None:
    """A listener on both kinds shows IPv4 clients as mapped addresses."""
    path = write_places(tmp_path / "places.mmdb")

    assert Locator([PlaceFile(path)]).of_address(f"::ffff:{AMSTERDAM}") == place_in(path, AMSTERDAM)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "fe80::1%eth0", "", "no address", "203.0.113.5"])
def test_what_is_no_public_address_is_nowhere(tmp_path: Path, address: str) -> None:
    """Inner networks, test networks and sockets tell nothing of a place."""
    path = write_places(tmp_path / "p.mmdb", places={"0.0.0.0/0": {"country": "NL", "lat": 1, "lon": 1, "city": "X"}})

    assert Locator([PlaceFile(path)], country_of=lambda _: "NL").of_address(address) is None


def test_the_registries_know_countries_where_no_file_does(tmp_path: Path) -> None:
    """Without a file, and for what a file does not know; without the package no country is guessed."""
    file = PlaceFile(write_places(tmp_path / "places.mmdb"))
    finder = country_finder()
    assert finder is not None

    assert Locator(country_of=finder).of_address("8.8.8.8") == Place(country="US", source="registry")
    assert Locator([file], country_of=lambda _: "SE").of_address(UNKNOWN) == Place(country="SE", source="registry")
    assert Locator([file]).of_address(UNKNOWN) is None


def test_two_files_are_asked_one_after_the_other(tmp_path: Path) -> None:
    """Some databases come as one file for each kind of address; a file of IPv4 alone is no fault for the others."""
    four = MMDBWriter(4, "Test-City")
    four.insert_network(IPSet(["77.160.0.0/16"]), {"country_code": "NL", "city": "", "latitude": 0, "longitude": 0})
    four.to_db_file(str(tmp_path / "four.mmdb"))
    locator = Locator([PlaceFile(tmp_path / "four.mmdb"), PlaceFile(write_places(tmp_path / "six.mmdb"))])

    assert [place.city if place else None for place in map(locator.of_address, (AMSTERDAM, SAO_PAULO))] == [
        None,
        "São Paulo",
    ]


def test_a_file_of_something_else_is_told_from_places(tmp_path: Path) -> None:
    """A file of networks' names opens without a fault, and would locate nobody."""
    writer = MMDBWriter(4, "Test-ASN")
    writer.insert_network(IPSet(["77.160.0.0/16"]), {"autonomous_system_number": 1136})
    writer.to_db_file(str(tmp_path / "asn.mmdb"))

    with pytest.raises(NotPlaces, match="holds no places"):
        facts_of(tmp_path / "asn.mmdb")
    assert place_in(tmp_path / "asn.mmdb", AMSTERDAM) is None


@pytest.mark.parametrize(
    "damage",
    [
        {"country": "Netherlands"}, {"country": "nl"}, {"country": ""}, {"country": "NL", "lat": "north", "city": "X"},
        {"country": "NL", "lat": float("nan"), "lon": 0.0, "city": "X"}, {"country": "NL", "lat": 91.0, "city": "X"},
        {"country": "NL", "city": "X\x00Y"}, {"country": "NL", "city": "A" * 1000, "zone": "Mars/Olympus"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", ["flat", "nested"])
def test_odd_records_tell_what_they_can(tmp_path: Path, layout: LayoutName, damage: dict[str, object]) -> None:
    """Whatever a file holds, only what can be kept comes out: two letters, degrees, texts of some length."""
    record = {"lat": 52.0, "lon": 5.0, **damage}
    places = {"77.160.0.0/16": record, "66.108.0.0/16": {"country": "US", "lat": 1.0, "lon": 1.0}}
    path = write_places(tmp_path / "odd.mmdb", layout, places=places)

    found = place_in(path, AMSTERDAM)

    if damage["country"] != "NL":
        assert found is None
    else:
        assert found is not None
        assert found.lat is None or found.city == "A" * 100
        assert found.city in (None, "X", "A" * 100)
        assert found.timezone in (None, "Europe/Amsterdam")
