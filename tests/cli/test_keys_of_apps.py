"""Keys at Apple and Google from the command line: brought, listed, tried at the services (in rehearsal), retired."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.sandbox import Sandbox
from tests.chaos.processes import free_port
from tests.cli.terminal import Said, Terminal
from tests.transports import apple_material

BUNDLE, PROJECT = "com.shop.app", "bell-and-bean"
Shell = Callable[..., Awaitable[Said]]


@pytest_asyncio.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """Apple's and Google's services, on loopback."""
    async with Sandbox(ledger_path=tmp_path / "ledger.ndjson") as running:
        yield running


@pytest.fixture
def shell(installed: Terminal, sandbox: Sandbox) -> Shell:
    """A shell whose gateway knows those services, and an app named shop."""
    installed.environment |= {**sandbox.egress_settings(), "STEEPLE_SANDBOX": "1"}
    installed("app", "create", "shop", "--origin", "https://shop.example")

    async def run(*words: str, **more: Any) -> Said:
        # The services answer in this process: it must not stand still meanwhile.
        return await asyncio.to_thread(installed, *words, **more)

    return run


def _files(sandbox: Sandbox, folder: Path) -> tuple[str, list[str], str]:
    """The key that Apple hands out with what it shows beside it, and Google's account."""
    key = sandbox.senders.make_key(bundles=[BUNDLE])
    p8, account = folder / f"AuthKey_{key.key_id}.p8", folder / "account.json"
    p8.write_text(key.p8)
    account.write_text(json.dumps(sandbox.accounts.make(PROJECT)))
    return str(p8), ["--team-id", key.team_id, "--bundle-id", BUNDLE], str(account)


async def test_keys_are_brought_and_work(shell: Shell, sandbox: Sandbox, tmp_path: Path) -> None:
    """The key's id stands in its file's name; both services take what they handed out, and nobody gets anything."""
    p8, beside, account = _files(sandbox, tmp_path)

    apple = (await shell("keys", "apns", "add", "--app", "shop", "--p8", p8, *beside, "--json")).json
    google = (await shell("keys", "fcm", "add", "--app", "shop", account, "--json")).json
    checked = await shell("keys", "check", "--app", "shop", "--json")
    listed = (await shell("keys", "list", "--app", "shop", "--json")).json
    metered = (await shell("keys", "meter", "--app", "shop", "--json")).json

    assert (apple["public"]["bundle_ids"], apple["is_current"]) == ([BUNDLE], True)
    assert google["public"]["project_id"] == PROJECT
    assert (checked.code, [(one["channel"], one["problem"]) for one in checked.json]) == (
        0,
        [("webpush", ""), ("apns", ""), ("fcm", "")],
    )
    assert [one["id"] for one in listed][1:] == [apple["id"], google["id"]]
    assert [(one["id"], one["devices"], one["may_retire_at"]) for one in metered] == [
        (one["id"], 0, None) for one in listed
    ]
    assert "PRIVATE" not in json.dumps([apple, google, listed])
    assert sandbox.ledger.counters["accepted"] == 0


async def test_what_a_service_has_against_a_key_is_said(shell: Shell, sandbox: Sandbox, tmp_path: Path) -> None:
    """Revoked at Apple, disabled at Google: exit code 1, a sentence each; offline both look fine."""
    p8, beside, account = _files(sandbox, tmp_path)
    await shell("keys", "apns", "add", "--app", "shop", "--p8", p8, *beside)
    await shell("keys", "fcm", "add", "--app", "shop", account)
    sandbox.senders.revoke_key(Path(p8).stem.removeprefix("AuthKey_"))
    sandbox.accounts.disable(json.loads(Path(account).read_text())["client_email"])

    checked = await shell("keys", "check", "--json")
    offline = await shell("keys", "check", "--offline", "--json")

    problems = {one["channel"]: one["problem"] for one in checked.json}
    assert (checked.code, problems["webpush"]) == (1, "")
    assert "revoked" in problems["apns"]
    assert "disabled" in problems["fcm"]
    assert (offline.code, [one["problem"] for one in offline.json]) == (0, ["", "", ""])


async def test_a_service_that_cannot_be_reached_is_not_a_bad_key(
    shell: Shell, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The words tell the difference."""
    _, _, account = _files(sandbox, tmp_path)
    await shell("keys", "fcm", "add", "--app", "shop", account)
    nowhere = re.sub(
        r"=127\.0\.0\.1:\d+", f"=127.0.0.1:{free_port()}", sandbox.egress_settings()["STEEPLE_EGRESS_RESOLVE"]
    )

    checked = await shell("keys", "check", "--json", STEEPLE_EGRESS_RESOLVE=nowhere)

    assert checked.code == 1
    assert "could not be asked now" in checked.json[-1]["problem"]


@pytest.mark.parametrize("given", ["--password-file", "standard input"])
async def test_a_certificate_is_opened_with_its_password(shell: Shell, tmp_path: Path, given: str) -> None:
    """From a file or standard input, never from an argument, which others on the machine could read."""
    sealed = apple_material.p12()
    p12, password = tmp_path / "push.p12", tmp_path / "password"
    p12.write_bytes(base64.b64decode(sealed["pkcs12"]))
    password.write_text(sealed["password"] + "\n")
    place = str(password) if given == "--password-file" else "-"
    words = ("keys", "apns", "add", "--app", "shop", "--certificate", str(p12))

    wrong = await shell(*words)
    right = await shell(*words, "--password-file", place, "--json", stdin=sealed["password"])

    assert wrong.code == 1
    assert "password" in wrong.err
    assert right.json["public"]["bundle_ids"] == [apple_material.BUNDLE]
    assert sealed["password"] not in wrong.err + right.out


async def test_a_key_that_is_not_needed_any_more_ends(shell: Shell, sandbox: Sandbox, tmp_path: Path) -> None:
    """It is the only one for its apps, so it takes a word more."""
    _, _, account = _files(sandbox, tmp_path)
    key = (await shell("keys", "fcm", "add", "--app", "shop", account, "--json")).json["id"]

    kept = await shell("keys", "fcm", "retire", "--app", "shop", key, "--json")
    ended = await shell("keys", "fcm", "retire", "--app", "shop", key, "--force", "--json")

    assert kept.error["code"] == "credential_in_use"
    assert ended.json == {"id": key, "retired": True, "lost": 0}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--p8", "x.p8", "--certificate", "y.p12"],
        ["--p8", "x.p8"],
        ["--p8", "x.p8", "--team-id", "DEF123GHIJ", "--bundle-id", "a.b"],
        ["--certificate", "y.p12", "--bundle-id", "a.b"],
    ],
    ids=["nothing", "both", "no team", "no key id", "a certificate's app"],
)
def test_what_belongs_together_is_asked_for(terminal: Terminal, words: list[str]) -> None:
    """A sentence, exit code 2, before any file is read."""
    said = terminal("keys", "apns", "add", "--app", "shop", *words)

    assert (said.code, said.err.count("\n")) == (2, 1)


@pytest.mark.parametrize("name", ["AuthKey_ABC123DEFG.p8", "account.json"])
def test_a_file_that_is_no_key_is_not_repeated(installed: Terminal, tmp_path: Path, name: str) -> None:
    """Somebody gives the wrong file."""
    installed("app", "create", "shop", "--origin", "https://shop.example")
    (tmp_path / name).write_text('{"my bank password": "swordfish"}')
    file = str(tmp_path / name)
    words = (
        ["apns", "add", "--app", "shop", "--p8", file, "--team-id", "DEF123GHIJ", "--bundle-id", "a.b"]
        if name.endswith("p8")
        else ["fcm", "add", "--app", "shop", file]
    )

    said = installed("keys", *words)

    assert said.code == 1
    assert "swordfish" not in said.err + said.out


def test_a_publishable_key_is_made_for_an_app_and_shown_again(installed: Terminal) -> None:
    """It lies in every copy of the app; secret keys stay untold."""
    installed("app", "create", "shop", "--origin", "https://shop.example")

    made = installed("keys", "api", "create", "--app", "shop", "--name", "the app", "--publishable")
    listed = installed("keys", "api", "list", "--app", "shop", "--json").json
    nobodys = installed("keys", "api", "create", "--name", "x", "--publishable")

    assert made.out.startswith("stpl_pk_")
    assert "no secret" in made.err
    assert [one["publishable_key"] for one in listed] == [None, made.out.strip()]
    assert listed[1]["scopes"] == ["device"]
    assert nobodys.code == 2
