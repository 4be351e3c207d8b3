"""Apps on phones, from their registration to what stands on the screen: an iPhone, an Android, and a browser."""

import hmac
import secrets
import time
from typing import Any

import msgspec
import pytest_asyncio

from gateway.model.ids import from_text, to_text
from gateway.sandbox import Rule
from gateway.sandbox.phones import Phone
from gateway.tenancy.secrets import reveal_identity
from tests.chaos.processes import until
from tests.journeys.world import Shop, World

BUNDLE, PROJECT = "com.shop.bell", "bell-and-bean"


class Installed(msgspec.Struct, eq=False):
    """An app on a phone of the sandbox, and what the gateway gave it."""

    shop: Shop
    phone: Phone
    publishable: str
    id: str = ""
    secret: str = ""

    @property
    def address(self) -> dict[str, str]:
        """What the phone's system tells the app."""
        if self.phone.platform == "android":
            return {"channel": "fcm", "token": self.phone.token}
        return {"channel": "apns", "token": self.phone.token, "bundle_id": BUNDLE}

    async def call(self, method: str, path: str, body: Any, *, bearer: str) -> tuple[int, Any]:
        """A call of the app's: no Origin, no server's key."""
        world = self.shop.world
        async with world.session.request(
            method, world.url + path, json=body, headers={"Authorization": f"Bearer {bearer}"}
        ) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None

    async def register(self) -> int:
        """The app starts."""
        status, said = await self.call("POST", "/v1/subscriptions", self.address, bearer=self.publishable)
        assert status in (200, 201), said
        self.id, self.secret = said["id"], said["secret"]
        return status

    async def refresh(self) -> None:
        """The system gave it another token."""
        path = f"/v1/subscriptions/{self.id}"
        status, said = await self.call("PATCH", path, {"token": self.phone.token}, bearer=self.secret)
        assert (status, said["id"]) == (200, self.id), said

    async def log_in(self, user: str) -> None:
        """The person logs in; the shop's server signed for that."""
        base = self.shop.world.base
        secret = await reveal_identity(base.db, base.vault, self.shop.app, actor="test")
        expires = int(time.time()) + 600
        signed = f"v1\n{_app_id(self.shop)}\n{user}\n{expires}".encode()
        proof = {
            "external_id": user,
            "signature": hmac.digest(secret.encode(), signed, "sha256").hex(),
            "expires": expires,
        }
        status, said = await self.call("POST", f"/v1/subscriptions/{self.id}/identity", proof, bearer=self.secret)
        assert status == 200, said

    async def shows(self, title: str) -> None:
        """Returns once the title stands on the screen."""

        async def is_there() -> bool:
            return any(title in str(shown.payload) for shown in self.phone.shown)

        await until(f"{self.phone.platform} shows {title}", is_there, within_s=20)

    async def state(self) -> str:
        """What the shop is told of the device."""
        _, _, said = await self.shop.call("GET", f"/v1/subscriptions/{self.id}")
        return said["state"]


def _app_id(shop: Shop) -> str:
    return to_text("app", shop.app.public_id)


@pytest_asyncio.fixture(loop_scope="session")
async def phones(shop: Shop) -> tuple[Installed, Installed]:
    """An iPhone and an Android with the shop's app, registered; the shop brought its keys."""
    sandbox = shop.world.sandbox
    key = sandbox.senders.make_key(bundles=[BUNDLE])
    for channel, given in (
        ("apns", {"p8": key.p8, "key_id": key.key_id, "team_id": key.team_id, "bundle_ids": [BUNDLE]}),
        ("fcm", sandbox.accounts.make(PROJECT)),
    ):
        status, _, said = await shop.call(
            "POST", f"/v1/apps/{_app_id(shop)}/credentials", {"channel": channel, "private_key": given}
        )
        assert status == 201, said
    _, _, made = await shop.call("POST", "/v1/keys", {"name": "the app", "scopes": ["device"]})
    iphone = Installed(shop, sandbox.phones.make("ios", BUNDLE), made["key"])
    android = Installed(shop, sandbox.phones.make("android", PROJECT), made["key"])
    assert [await one.register() for one in (iphone, android)] == [201, 201]
    return iphone, android


async def test_a_message_reaches_a_person_on_every_device(shop: Shop, phones: tuple[Installed, Installed]) -> None:
    """One message, one person, three channels: each shows it, and the counts say so."""
    user = f"cust-{secrets.token_hex(4)}"
    (browser,) = await shop.devices(lines=[{"user": user}])
    for phone in phones:
        await phone.log_in(user)

    message = await shop.send({"users": [user]}, title="Half price", sound="bell.caf", apns={"subtitle": "Only today"})

    for phone in phones:
        await phone.shows("Half price")
    said = await shop.done(message)
    assert (said["counts"]["audience"], said["counts"]["sent"]) == (3, 3)
    assert {channel: counts["sent"] for channel, counts in said["per_channel"].items()} == {
        "apns": 1,
        "fcm": 1,
        "webpush": 1,
    }
    assert {platform: counts["sent"] for platform, counts in said["per_platform"].items()}.items() >= {
        ("ios_app", 1),
        ("android_app", 1),
    }
    assert await shop.end_of(message, browser) == ("sent", None)
    aps = phones[0].phone.shown[-1].payload["aps"]
    assert (aps["sound"], aps["alert"]["subtitle"]) == ("bell.caf", "Only today")


async def test_a_click_in_an_app_that_only_opens_links_counts(shop: Shop, phones: tuple[Installed, Installed]) -> None:
    """With `click_links` an app's links lead by way of the gateway; each is signed for one device."""
    world = shop.world
    await shop.call("PATCH", f"/v1/apps/{_app_id(shop)}", {"settings": {"click_links": world.url}})
    world.base.keyring.forget(shop.app)
    buy = {"id": "buy", "title": "Buy", "url": "https://shop.example/buy"}
    message = await shop.send(title="Half price", url="https://shop.example/sale", actions=[buy])
    for phone in phones:
        await phone.shows("Half price")
    await shop.done(message)
    ours = phones[0].phone.shown[-1].payload["steeple"]
    token = ours["url"].removeprefix(f"{world.url}/c/")
    assert (len(token), ours["t"] != token) == (55, True), "what opens a link must not open more"
    assert ours["actions"][0]["url"] == f"{world.url}/c/{token}/1"
    agent = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) Safari/604.1"}
    async with world.session.get(ours["url"], headers=agent, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "https://shop.example/sale")
    assert token not in str(phones[1].phone.shown[-1].payload), "each device has its own"
    assert f"{world.url}/c/" in str(phones[1].phone.shown[-1].payload)
    assert (await shop.message(message))["counts"]["clicked"] == 1


async def test_a_message_can_be_for_apps_alone(shop: Shop, phones: tuple[Installed, Installed]) -> None:
    """Those in browsers get nothing, and are not counted."""
    await shop.devices(2)

    message = await shop.send({"channels": ["apns"]}, title="For iPhones")

    await phones[0].shows("For iPhones")
    said = await shop.done(message)
    assert (said["counts"]["audience"], list(said["per_channel"])) == (1, ["apns"])
    assert not phones[1].phone.shown


async def test_the_next_message_goes_to_the_new_token(shop: Shop, phones: tuple[Installed, Installed]) -> None:
    """The system changed it, the app said so: nothing is lost, and nobody is counted twice."""
    for phone in phones:
        shop.world.sandbox.phones.register_again(phone.phone)
        await phone.refresh()

    message = await shop.send(title="Moved house")

    for phone in phones:
        await phone.shows("Moved house")
    said = await shop.done(message)
    assert (said["counts"]["audience"], said["counts"]["sent"], said["counts"]["gone"]) == (2, 2, 0)


async def test_who_removes_the_app_is_gone_and_who_installs_it_again_is_back(
    shop: Shop, phones: tuple[Installed, Installed]
) -> None:
    """The services say so at the next message; the app's next start makes the device reachable again."""
    sandbox = shop.world.sandbox
    for phone in phones:
        sandbox.phones.uninstall(phone.phone)
    said = await shop.done(await shop.send(title="Anybody there?"))
    assert (said["counts"]["gone"], said["counts"]["sent"]) == (2, 0)
    assert [await phone.state() for phone in phones] == ["gone", "gone"]
    assert (await shop.done(await shop.send(title="Nobody")))["counts"]["audience"] == 0

    for phone in phones:
        sandbox.phones.register_again(phone.phone)
        await phone.register()
    said = await shop.done(await shop.send(title="Welcome back"))

    assert said["counts"]["sent"] == 2
    for phone in phones:
        await phone.shows("Welcome back")


async def test_an_answer_older_than_the_registration_closes_nothing(
    world: World, shop: Shop, phones: tuple[Installed, Installed]
) -> None:
    """Apple says since when a token is dead. The app said its token later: it lives, whatever is still on its way."""
    iphone, _ = phones
    gone_at_s = world.base.clock.now_s() - 60
    world.faults(Rule(reason="Unregistered", gone_at_s=gone_at_s, token_prefix=iphone.phone.token))
    said = await shop.done(await shop.send({"subscriptions": [iphone.id]}, title="Too late"))
    assert said["counts"]["gone"] == 1
    assert await iphone.state() == "active"

    await _registered_long_ago(world, iphone)
    await shop.done(await shop.send({"subscriptions": [iphone.id]}, title="Gone"))
    assert await iphone.state() == "gone"

    world.faults()
    assert await iphone.register() == 200
    await shop.done(await shop.send({"subscriptions": [iphone.id]}, title="Here again"))
    await iphone.shows("Here again")


async def _registered_long_ago(world: World, device: Installed) -> None:
    await world.db.execute(
        "UPDATE subscriptions SET registered_at = now() - interval '1 hour' WHERE id = $1", from_text("sub", device.id)
    )


async def test_a_started_app_outlives_the_answer_to_its_past(
    world: World, shop: Shop, phones: tuple[Installed, Installed]
) -> None:
    """Registered an hour ago, removed and installed again with the same token: its start makes it new, gone or not."""
    iphone, _ = phones
    await _registered_long_ago(world, iphone)
    gone_at_s = world.base.clock.now_s() - 60
    assert await iphone.register() == 200

    world.faults(Rule(reason="Unregistered", gone_at_s=gone_at_s, token_prefix=iphone.phone.token))
    await shop.done(await shop.send({"subscriptions": [iphone.id]}, title="An old answer"))

    assert await iphone.state() == "active"
