"""What a shop says, and what each of its people reads."""

from typing import Any

from tests.journeys.world import Shop

ADA: dict[str, Any] = {"user": "ada", "language": "nl-NL", "tags": {"plan": "gold"}}
BOB: dict[str, Any] = {"user": "bob", "language": "en"}


async def shown(shop: Shop, message: str) -> dict[str, dict[str, Any]]:
    """The notification that each endpoint got."""
    entries = await shop.world.entries(message)
    return {entry.token: entry.payload["notification"] for entry in entries if entry.payload}


async def test_each_person_reads_their_own_words(shop: Shop):
    """A field is what the device or its person is known by, or its default; in the language of the device."""
    ada, bob = await shop.devices(2, lines=[ADA, BOB])
    message = await shop.send(
        title={"en": "Your {{ user.tags.plan | default: 'first' }} sale", "nl": "Jouw {{ user.tags.plan }} uitverkoop"},
        body="For {{ user.id }}, order {{ order.number }}",
        variables={"order": {"number": 17}},
    )
    await shop.done(message)
    got = await shown(shop, message)
    assert (got[ada.token]["title"], got[ada.token]["body"]) == ("Jouw gold uitverkoop", "For ada, order 17")
    assert (got[bob.token]["title"], got[bob.token]["body"]) == ("Your first sale", "For bob, order 17")


async def test_a_text_that_cannot_be_made_skips_one_person(shop: Shop):
    """Whoever's values make no text, or lead off the shop's hosts, is skipped with that reason; the others get it."""
    fine, foreign = await shop.devices(
        2,
        lines=[
            {"user": "ada", "tags": {"page": "https://shop.example/a"}},
            {"user": "eve", "tags": {"page": "https://evil.example/"}},
        ],
    )
    message = await shop.send(url="{{ user.tags.page }}")
    said = await shop.done(message)
    assert said["counts"]["sent"] == 1
    assert said["skipped_by"] == {"template": 1}
    assert await shop.end_of(message, foreign) == ("skipped", "template")
    assert (await shown(shop, message))[fine.token]["navigate"] == "https://shop.example/a"


async def test_named_people_read_their_own_words_at_once(shop: Shop):
    """An order to one person goes the short way, fields and all."""
    (ada,) = await shop.devices(lines=[ADA])
    message = await shop.send({"users": ["ada"]}, title="Hi {{ user.id }} ({{ device.language }})")
    await shop.done(message)
    assert (await shown(shop, message))[ada.token]["title"] == "Hi ada (nl-NL)"
