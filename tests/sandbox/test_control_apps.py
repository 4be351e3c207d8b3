"""Rehearsing pushes to phones with curl alone: every call about apps, over HTTP."""

from typing import Any

import aiohttp
import msgspec
import pytest

from gateway.sandbox import Sandbox
from gateway.sandbox.apple_senders import AppleKey
from sandbox.actors import Clock
from sandbox.app_senders import BUNDLE, AppleSender, GoogleSender


class Curl:
    """Calls under /sandbox."""

    def __init__(self, http: aiohttp.ClientSession, sandbox: Sandbox) -> None:
        self._http = http
        self._url = f"{sandbox.origin}/sandbox"

    async def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        async with self._http.request(method, self._url + path, json=body) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def mint(self, **query: str) -> list[dict[str, Any]]:
        """The lines of a mint."""
        async with self._http.post(f"{self._url}/mint", params=query) as answer:
            assert answer.status == 200, await answer.text()
            return [msgspec.json.decode(line) for line in (await answer.read()).splitlines()]


@pytest.fixture
def curl(http: aiohttp.ClientSession, sandbox: Sandbox) -> Curl:
    return Curl(http, sandbox)


async def test_a_key_for_apples_service_is_handed_out(curl: Curl, sandbox: Sandbox, clock: Clock) -> None:
    """In the JSON that a gateway takes; phones come as lines of an import; a push then passes."""
    made = await curl("POST", "/apns/keys", {"bundle_ids": [BUNDLE]})
    lines = await curl.mint(channel="apns", n="2", bundle_id=BUNDLE, environment="sandbox", user_prefix="cust-")

    assert set(made) == {"p8", "key_id", "team_id", "bundle_ids"}
    assert [line["user"] for line in lines] == ["cust-0", "cust-1"]
    assert {key: lines[0][key] for key in ("channel", "environment", "bundle_id")} == {
        "channel": "apns",
        "environment": "sandbox",
        "bundle_id": BUNDLE,
    }
    key = AppleKey(team_id=made["team_id"], key_id=made["key_id"], p8=made["p8"])
    sender = AppleSender(sandbox, clock, key)
    line = await sender.line("api.sandbox.push.apple.com")
    assert (await sender.send(line, lines[1]["token"])).status == 200
    await curl("POST", "/apns/keys/revoke", {"key_id": key.key_id})
    assert (await sender.send(line, lines[1]["token"])).status == 403
    await sender.close()


async def test_ones_own_key_is_taught(curl: Curl, sandbox: Sandbox, clock: Clock) -> None:
    """Or any key passes, where the sandbox is told to be lenient."""
    own = Sandbox().senders.make_key()
    sender = AppleSender(sandbox, clock, own)
    (phone,) = await curl.mint(channel="apns", bundle_id=BUNDLE)
    assert (await sender.send(await sender.line(), phone["token"])).status == 403
    await curl("PUT", "/apns/keys", {"key_id": own.key_id, "team_id": own.team_id, "p8": own.p8})
    assert (await sender.send(await sender.line(), phone["token"])).status == 200
    await curl("PUT", "/apns/keys", {"key_id": own.key_id, "team_id": own.team_id, "p8": "x"}, status=422)
    await curl("PUT", "/apns", {"lenient": True, "renewal_s_min": 0.5})
    assert sandbox.senders.is_lenient
    assert sandbox.senders.renewal_s_min == 0.5
    await sender.close()


async def test_a_certificate_is_handed_out(curl: Curl) -> None:
    """With its key, both PEM."""
    made = await curl("POST", "/apns/certificates", {"bundle_id": BUNDLE, "environments": ["sandbox"]})
    assert made["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert made["key"].startswith("-----BEGIN PRIVATE KEY-----")


async def test_a_service_account_is_handed_out(curl: Curl, sandbox: Sandbox, google: GoogleSender) -> None:
    """Google's file; its tokens can be made worthless."""
    google.account = await curl("POST", "/fcm/accounts", {"project": "bell-and-bean"})
    google.project = "bell-and-bean"
    (phone,) = await curl.mint(channel="fcm", project="bell-and-bean", prefix="vip-")
    line = await google.line()
    assert phone["token"].startswith("vip-")
    assert (await google.send(line, {"token": phone["token"]})).status == 200
    assert await curl("POST", "/fcm/tokens/revoke", {}) == {"revoked": 1}
    assert (await google.send(line, {"token": phone["token"]})).status == 401
    await curl("PUT", "/fcm", {"token_life_s": 60, "quota": {"project_a_minute": 1}, "conduct": {"streams": 7}})
    assert sandbox.accounts.life_s == 60
    assert sandbox.google_conduct.streams == 7


async def test_ones_own_service_account_is_taught(curl: Curl, google: GoogleSender) -> None:
    """The file of a real project; anything else is refused."""
    google.account = Sandbox().accounts.make("real-project")
    assert (await google.ask()).status == 400
    await curl("PUT", "/fcm/accounts", google.account)
    assert (await google.ask()).status == 200
    await curl("PUT", "/fcm/accounts", {"private_key": "x"}, status=422)


async def test_a_phone_lives_over_http(curl: Curl, sandbox: Sandbox, apple: AppleSender) -> None:
    """Made, sent to while away, back, removed, registered again."""
    phone = await curl("POST", "/phones", {"platform": "ios", "bundle_id": BUNDLE})
    await curl("POST", "/phones/online", {"id": phone["id"], "online": False})
    line = await apple.line()
    await apple.send(line, phone["token"])
    assert (await curl("GET", "/phones"))[0]["waiting"] == 1
    back = await curl("POST", "/phones/online", {"id": phone["id"], "online": True})
    assert back["shown"][0]["payload"]["aps"]["alert"]["title"] == "t"
    assert not (await curl("POST", "/phones/uninstall", {"id": phone["id"]}))["installed"]
    again = await curl("POST", "/phones/register", {"id": phone["id"]})
    assert again["token"] != phone["token"]
    await curl("POST", "/tokens/forget", {"token": again["token"], "reason": "ExpiredToken", "at": 1000.5})
    assert (await apple.send(line, again["token"])).json == {"reason": "ExpiredToken", "timestamp": 1_000_500}
    android = await curl("POST", "/phones", {"platform": "android", "project": "p"})
    assert (android["channel"], android["environment"]) == ("fcm", None)


async def test_connections_are_steered(curl: Curl, apple: AppleSender) -> None:
    """Those that stand get another limit, new ones another conduct."""
    line = await apple.line()
    await curl("POST", "/streams", {"limit": 2})
    await line.until(lambda: line.limits == [1, 2])
    await curl("PUT", "/apns", {"conduct": {"streams": 5, "streams_first": 3}})
    assert (await apple.line()).limits == [3]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/phones", {"platform": "ios"}),
        ("/phones", {"platform": "nokia", "bundle_id": "x"}),
        ("/phones/online", {"id": "phone-0", "online": True}),
        ("/apns/keys", {}),
        ("/apns/keys", {"bundle_ids": ["x"], "team_id": "short"}),
        ("/streams", {"limit": -1}),
        ("/tokens/forget", {"token": "x"}),
    ],
)
async def test_a_wrong_call_is_refused_with_a_sentence(curl: Curl, path: str, body: dict[str, Any]) -> None:
    """422, and what is wrong."""
    assert (await curl("POST", path, body, status=422))["error"]


async def test_a_mint_without_its_app_is_refused(http: aiohttp.ClientSession, sandbox: Sandbox) -> None:
    """Whose phones they are must be said."""
    async with http.post(f"{sandbox.origin}/sandbox/mint", params={"channel": "apns"}) as answer:
        assert (answer.status, "bundle_id" in (await answer.json())["error"]) == (422, True)
