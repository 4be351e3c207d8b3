"""The clients of the device API, in Java and in JavaScript: an app on a phone, run against a whole gateway."""

import asyncio
import hmac
import shutil
import subprocess
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import pytest_asyncio

from gateway.model.ids import to_text
from gateway.sandbox.phones import Phone
from gateway.tenancy.secrets import reveal_identity
from scripts.node import SDK, node
from tests.chaos.processes import until
from tests.house.tree import ROOT
from tests.journeys.world import Shop

_JAVA: Final = ROOT / "plugins" / "java"
_LIMIT_S: Final = 60.0


def _run(*words: object) -> str:
    command = [str(word) for word in words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Java client and its driver, compiled for Java 11 without a warning."""
    if shutil.which("javac") is None:
        pytest.skip("needs a Java compiler: make test-deps")
    folder = tmp_path_factory.mktemp("classes")
    sources = sorted(_JAVA.rglob("*.java"))
    _run("javac", "-encoding", "UTF-8", "--release", "11", "-Xlint:all", "-Werror", "-d", folder, *sources)
    return folder


class TestApp:
    """An app on an Android that is told what to do line by line."""

    __test__ = False

    def __init__(self, process: asyncio.subprocess.Process, shop: Shop, phone: Phone) -> None:
        self.shop = shop
        self.phone = phone
        self._process = process

    async def does(self, *words: object) -> str:
        """What the app says it came to."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write((" ".join(str(word) for word in words) + "\n").encode())
        line = await asyncio.wait_for(self._process.stdout.readline(), _LIMIT_S)
        return line.decode().strip()

    async def told(self, device: str) -> dict[str, Any]:
        """The device as the shop sees it."""
        _, _, said = await self.shop.call("GET", f"/v1/subscriptions/{device}")
        return said

    async def buyers(self) -> int:
        """On how many devices of the shop's people one purchase of 12.50 is known, and no second one."""
        worth = [{"event": "purchase", "sum": {"over": 12}}, {"event": "purchase", "sum": {"under": 13}}]
        body = {"audience": {"where": {"all": worth}}}
        _, _, said = await self.shop.call("POST", "/v1/audience/estimate?exact=true", body)
        return said["devices"]

    async def proof(self, user: str) -> tuple[str, int]:
        """What the shop's server signs for a login, and until when it holds."""
        base = self.shop.world.base
        secret = await reveal_identity(base.db, base.vault, self.shop.app, actor="test")
        expires = int(time.time()) + 600
        signed = f"v1\n{to_text('app', self.shop.app.public_id)}\n{user}\n{expires}".encode()
        return hmac.digest(secret.encode(), signed, "sha256").hex(), expires


@pytest.fixture
def java(classes: Path) -> list[object]:
    """How the driver in Java is started."""
    # The compiler that is quickest to start: these few calls never get warm.
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", classes, "Driver"]


@pytest.fixture
def javascript() -> list[object]:
    """How the driver in JavaScript is started."""
    program = node()
    if program is None:
        pytest.skip("needs Node.js: make test-deps")
    return [program, SDK / "test" / "drivers" / "device.mjs"]


@pytest_asyncio.fixture(loop_scope="session", params=["java", "javascript"])
async def app(shop: Shop, request: pytest.FixtureRequest) -> AsyncIterator[TestApp]:
    """The app is installed; the shop brought its key at Google."""
    words: list[object] = request.getfixturevalue(request.param)
    sandbox = shop.world.sandbox
    body = {"channel": "fcm", "private_key": sandbox.accounts.make("bell-and-bean")}
    status, _, said = await shop.call("POST", f"/v1/apps/{to_text('app', shop.app.public_id)}/credentials", body)
    assert status == 201, said
    _, _, made = await shop.call("POST", "/v1/keys", {"name": "the app", "scopes": ["device"]})
    command = [str(word) for word in (*words, shop.world.url, made["key"])]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    yield TestApp(process, shop, sandbox.phones.make("android", "bell-and-bean"))
    assert process.stdin is not None
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), _LIMIT_S) == 0


def test_the_java_clients_json_is_json(classes: Path) -> None:
    """What it writes it reads, escapes included; what is no JSON it refuses."""
    assert _run("java", "-XX:TieredStopAtLevel=1", "-cp", classes, "steeple.JsonTest") == "json ok\n"


async def test_an_app_lives_through_its_client(app: TestApp) -> None:
    """Registered, changed, logged in, reached, reported, forgotten, found again, left: each as the shop sees it."""
    assert await app.does("topics", "sale") == "not yet"
    assert await app.does("register", "no") == "refused field_invalid token false"
    word, device = (await app.does("register", app.phone.token)).split()
    assert word == "ok"
    assert await app.does("register", app.phone.token) == f"ok {device}"  # the next start
    assert await app.does("topics", "sale", "news") == f"ok {device}"
    assert await app.does("tags", "plan=gold", "old=x") == f"ok {device}"
    assert await app.does("tags", "old=") == f"ok {device}"
    assert await app.does("login", "cust-17", *(await app.proof("cust-17"))) == f"ok {device}"
    told = await app.told(device)
    assert (sorted(told["topics"]), told["tags"], told["user"]) == (["news", "sale"], {"plan": "gold"}, "cust-17")
    assert (told["language"], told["timezone"]) == ("nl", "Europe/Amsterdam")

    message = await app.shop.send({"users": ["cust-17"]}, title="Half price")

    async def payload() -> Any:
        return next((one.payload for one in app.phone.shown if "Half price" in str(one.payload)), None)

    shown = await until("the phone shows it", payload, within_s=20)
    token = msgspec.json.decode(shown["data"]["steeple"])["t"]
    assert await app.does("report", "shown", token) == f"ok {device}"
    strangers = ["x" * 40] * 30
    assert await app.does("report", "shown", *strangers) == f"ok {device}"  # in two requests; they count nothing
    assert [await app.does("track", "t-1", "purchase") for _ in range(2)] == [f"ok {device}"] * 2
    assert await app.does("track", "t-2", "x" * 300) == "refused field_invalid events[0].name false"
    assert await app.buyers() == 1
    assert await app.does("logout") == f"ok {device}"
    assert (await app.told(device))["user"] is None
    assert (await app.shop.came_to(message, "shown", 1))["counts"]["shown"] == 1

    assert (await app.does("forget"), await app.does("topics", "sale")) == (
        f"ok {device}",
        "refused secret_invalid null false",
    )
    assert await app.does("register", app.phone.token) == f"ok {device}"  # afresh, and by its address the same
    assert await app.does("leave") == "ok nobody"
    assert (await app.told(device))["state"] == "left"
