"""Logging in: only the shop's signature makes a device somebody's."""

import hashlib
import hmac

import pytest

from gateway.model.errors import GatewayError
from gateway.model.ids import to_text
from gateway.model.limits import SUBSCRIPTIONS_PER_PERSON_MAX
from gateway.store import persons
from gateway.subscribers.enrol import Enrolled
from gateway.subscribers.identity import login, logout
from gateway.tenancy.secrets import retire, reveal_identity, rotate
from tests.subscribers.house import NOW, House

SOON = str(int(NOW.timestamp()) + 300)


async def signed(house: House, user: str, expires: str = SOON) -> str:
    """What a shop's server computes, in three lines of any language."""
    secret = await reveal_identity(house.database, house.vault, house.app, actor="test")
    text = f"v1\n{to_text('app', house.app.public_id)}\n{user}\n{expires}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


async def try_login(house: House, device: Enrolled, **but: str) -> None:
    given = {"external_id": "cust-1", "expires": SOON, "secret": device.secret, **but}
    given.setdefault("signature", await signed(house, "cust-1"))
    await login(
        house.database,
        house.keyring,
        house.app,
        device.id,
        given["secret"],
        external_id=given["external_id"],
        signature=given["signature"],
        expires=given["expires"],
        now=NOW,
    )


async def owner(house: House, device: Enrolled) -> str | None:
    return (await house.enroller.get(house.app, device.id)).person


async def test_a_signed_login_makes_the_device_the_users(house: House):
    """From then on a message to the user reaches the device; after the logout it does not."""
    mine = await house.enrol()

    await try_login(house, mine)
    assert await owner(house, mine) == "cust-1"
    assert await persons.subscriptions_of(house.database, house.app, ["cust-1", "x"]) == {"cust-1": [mine.id]}

    await logout(house.database, house.app, mine.id, mine.secret)
    assert await owner(house, mine) is None
    assert await persons.subscriptions_of(house.database, house.app, ["cust-1"]) == {"cust-1": []}


async def test_upper_case_hex_is_hex(house: House):
    """Some languages print it so."""
    mine = await house.enrol()
    await try_login(house, mine, signature=(await signed(house, "cust-1")).upper())
    assert await owner(house, mine) == "cust-1"


@pytest.mark.parametrize(
    ("but", "code"),
    [
        ({"external_id": "victim"}, "signature_invalid"),
        ({"expires": str(int(SOON) + 1)}, "signature_invalid"),
        ({"expires": "soon"}, "signature_invalid"),
        ({"expires": ""}, "signature_invalid"),
        ({"expires": "9" * 30}, "signature_invalid"),
        ({"expires": f" {SOON}"}, "signature_invalid"),
        ({"signature": ""}, "signature_invalid"),
        ({"signature": "0" * 64}, "signature_invalid"),
        ({"signature": "é" * 64}, "signature_invalid"),
        ({"external_id": ""}, "field_invalid"),
        ({"external_id": "x" * 257}, "field_invalid"),
        ({"external_id": "a\nb"}, "field_invalid"),
        ({"secret": "stpl_ds_" + "A" * 43}, "secret_invalid"),
    ],
)
async def test_anything_else_makes_it_nobodys(house: House, but: dict[str, str], code: str):
    """Another name, another time, another signature, another device: refused, and nothing changed."""
    mine = await house.enrol()

    with pytest.raises(GatewayError) as refused:
        await try_login(house, mine, **but)

    assert refused.value.code == code
    assert await owner(house, mine) is None
    assert await house.count("persons") == 0


async def test_a_signature_expires(house: House):
    """One that lies around is worth nothing later."""
    mine = await house.enrol()
    past = str(int(NOW.timestamp()))
    with pytest.raises(GatewayError, match="expired"):
        await try_login(house, mine, expires=past, signature=await signed(house, "cust-1", past))


async def test_another_apps_signature_is_worth_nothing(house: House):
    """The app's id is signed, and the app's own secret signs."""
    mine = await house.enrol()
    here, house.app = house.app, await house.other_app()
    foreign = await signed(house, "cust-1")
    house.app = here

    with pytest.raises(GatewayError) as refused:
        await try_login(house, mine, signature=foreign)
    assert refused.value.code == "signature_invalid"


async def test_old_and_new_secret_work_until_the_old_one_is_retired(house: House):
    """Shops change the secret without logging anybody out."""
    mine = await house.enrol()
    old = await signed(house, "cust-1")
    await rotate(house.database, house.vault, house.app, "identity", actor="test")
    house.keyring.forget(house.app)
    assert await signed(house, "cust-1") != old

    for signature in (old, await signed(house, "cust-1")):
        await try_login(house, mine, signature=signature)
    await retire(house.database, house.app, "identity", 1, actor="test")
    house.keyring.forget(house.app)
    with pytest.raises(GatewayError):
        await try_login(house, mine, signature=old)


async def test_a_device_changes_hands_whole(house: House):
    """The next user of a shared tablet has it, and the one before does not."""
    mine = await house.enrol()
    for user in ("anna", "bert", "anna"):
        await try_login(house, mine, external_id=user, signature=await signed(house, user))

    assert await persons.subscriptions_of(house.database, house.app, ["anna", "bert"]) == {
        "anna": [mine.id],
        "bert": [],
    }


async def test_the_oldest_device_makes_room(house: House):
    """A person has at most 100 devices; the one attached longest ago is nobody's then."""
    devices = [await house.enrol() for _ in range(SUBSCRIPTIONS_PER_PERSON_MAX + 2)]
    for device in devices:
        await persons.attach(house.database, house.app, "cust-1", device.id)
    await persons.attach(house.database, house.app, "cust-1", devices[5].id)

    held = (await persons.subscriptions_of(house.database, house.app, ["cust-1"]))["cust-1"]

    assert len(held) == SUBSCRIPTIONS_PER_PERSON_MAX
    assert held[-1] == devices[5].id
    assert await owner(house, devices[0]) is await owner(house, devices[1]) is None
    assert await owner(house, devices[2]) == "cust-1"
