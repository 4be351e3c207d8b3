"""Apps, keys, migrations and the doctor: verbs that work on the database."""

import json
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

_APP_FIELDS = {"id", "name", "origins", "vapid_public_key", "vapid_key_id", "api_key", "snippet"}


def _make(installed: Terminal, name: str = "shop") -> dict[str, str]:
    return installed("app", "create", name, "--origin", "https://shop.example", "--json").json


def test_an_app_is_made_with_all_it_needs(installed: Terminal) -> None:
    """One command gives the id, the keys, and the line for the shop's pages."""
    app = _make(installed)
    assert set(app) == _APP_FIELDS
    assert app["id"].startswith("app_")
    assert app["api_key"].startswith("stpl_sk_")
    assert len(app["vapid_public_key"]) == 87
    assert f'data-app="{app["id"]}"' in app["snippet"]


def test_an_app_is_found_by_name_and_by_id(installed: Terminal) -> None:
    """Both say the same, and neither shows a secret."""
    app = _make(installed)
    by_name = installed("app", "show", "shop", "--json")
    assert by_name.json == installed("app", "show", app["id"], "--json").json
    assert by_name.json["keys"][0]["id"] == app["vapid_key_id"]
    assert app["api_key"] not in by_name.out
    assert [one["id"] for one in installed("app", "list", "--json").json] == [app["id"]]


def test_settings_of_an_app_are_chosen(installed: Terminal) -> None:
    """In plain words or as JSON; what cannot be is refused with the setting's name."""
    _make(installed)
    said = installed("app", "set", "shop", "timezone=Europe/Amsterdam", "open_topics=false", "--json").json
    assert (said["settings"]["timezone"], said["settings"]["open_topics"]) == ("Europe/Amsterdam", False)
    installed("app", "set", "shop", "timezone=default")
    shown = installed("app", "show", "shop", "--json").json["settings"]
    assert (shown["timezone"], shown["open_topics"]) == (None, False)
    refused = installed("app", "set", "shop", "timezone=Nowhere", "--json")
    assert (refused.code, refused.error["param"]) == (1, "settings.timezone")
    assert installed("app", "set", "shop", "timezone").code == 2


def test_a_name_is_given_once(installed: Terminal) -> None:
    """The second shop of a name is refused."""
    _make(installed)
    said = installed("app", "create", "shop", "--origin", "https://other.example", "--json")
    assert said.code == 1
    assert said.error["code"] == "name_taken"


def test_a_deleted_app_is_gone(installed: Terminal) -> None:
    """After --yes nothing finds it."""
    _make(installed)
    assert installed("app", "delete", "shop", "--yes", "--json").json["deleted"] is True
    assert installed("app", "show", "shop").code == 1
    assert installed("app", "list", "--json").json == []


def test_names_cannot_move_the_cursor(installed: Terminal) -> None:
    """What somebody called an app is shown as text."""
    said = installed("app", "show", "\x1b[2Jclear")
    assert "\x1b" not in said.err


def test_vapid_keys_rotate_travel_and_retire(installed: Terminal, tmp_path: Path) -> None:
    """A new key for new subscribers; a key from elsewhere; and an end for the old one."""
    first = _make(installed)["vapid_key_id"]
    second = installed("keys", "vapid", "rotate", "--app", "shop", "--json").json
    assert second["is_current"] is True
    exported = installed("keys", "vapid", "export", "--app", "shop", second["id"], "--json").json
    assert "PRIVATE KEY" in exported["private_key"]
    pem = tmp_path / "key.pem"
    pem.write_text(exported["private_key"])
    installed("app", "create", "other", "--origin", "https://other.example")
    brought = installed("keys", "vapid", "import", "--app", "other", str(pem), "--current", "--json").json
    assert brought["public"]["vapid_public_key"] == second["public"]["vapid_public_key"]
    assert installed("keys", "vapid", "retire", "--app", "shop", first, "--json").json["retired"] is True
    assert installed("keys", "vapid", "retire", "--app", "shop", first, "--json").error["code"] == "credential_unknown"


def test_a_file_that_holds_no_key_is_refused_unread(installed: Terminal, tmp_path: Path) -> None:
    """What was in the file is not repeated."""
    _make(installed)
    (tmp_path / "notes.txt").write_text("my bank password is swordfish")
    said = installed("keys", "vapid", "import", "--app", "shop", str(tmp_path / "notes.txt"))
    assert said.code == 1
    assert "swordfish" not in said.err + said.out


def test_api_keys_are_made_listed_and_revoked(installed: Terminal) -> None:
    """The key is shown once; the list has its name and what it may."""
    _make(installed)
    made = installed("keys", "api", "create", "--app", "shop", "--name", "backend", "--scope", "send", "--json").json
    assert made["api_key"].startswith("stpl_sk_")
    listed = installed("keys", "api", "list", "--app", "shop", "--json")
    assert made["api_key"] not in listed.out
    assert next(key for key in listed.json if key["id"] == made["id"])["scopes"] == ["send"]
    assert installed("keys", "api", "revoke", "--app", "shop", made["id"], "--json").json["revoked"] is True
    assert installed("keys", "api", "revoke", "--app", "shop", made["id"]).code == 1


def test_only_the_key_goes_to_standard_output(installed: Terminal) -> None:
    """`KEY=$(steeple keys api create ...)` works."""
    _make(installed)
    said = installed("keys", "api", "create", "--app", "shop", "--name", "script")
    assert said.out.startswith("stpl_sk_")
    assert said.out.count("\n") == 1


def test_good_keys_pass_the_check(installed: Terminal) -> None:
    """Each live key is opened and compared with its public half."""
    key = _make(installed)["vapid_key_id"]
    said = installed("keys", "check", "--json")
    assert said.code == 0
    assert [(one["id"], one["problem"]) for one in said.json] == [(key, "")]


async def test_a_key_that_was_tampered_with_is_found(installed: Terminal) -> None:
    """A public key that does not belong to the private one would lose every new subscriber."""
    import asyncpg  # noqa: PLC0415 - only here

    _make(installed)
    stranger = _make(installed, "stranger")["vapid_public_key"]
    raw = await asyncpg.connect(installed.environment["STEEPLE_DATABASE_URL"])
    await raw.execute(
        "UPDATE credentials SET public = public || jsonb_build_object('vapid_public_key', $1::text) WHERE app_id = 1",
        stranger,
    )
    await raw.close()
    said = installed("keys", "check", "--app", "shop", "--json")
    assert said.code == 1
    assert "does not belong" in said.json[0]["problem"]


def test_migrate_says_what_it_did(installed: Terminal, empty_dsn: str) -> None:
    """First what would be done, then what was done, then nothing."""
    database = {"STEEPLE_DATABASE_URL": empty_dsn}
    planned = installed("migrate", "--dry-run", "--json", **database).json
    assert planned["dry_run"] is True
    assert planned["migrations"]
    assert installed("migrate", "--json", **database).json["migrations"] == planned["migrations"]
    assert installed("migrate", "--json", **database).json["migrations"] == []
    assert installed("migrate", **database).out == "The schema is up to date.\n"


def test_the_doctor_finds_a_lost_master_key(installed: Terminal, tmp_path: Path) -> None:
    """What is wrong, named, with a remedy, and exit code 1."""
    _make(installed)
    healthy = installed("doctor", "--json")
    assert healthy.code == 0
    assert healthy.json["is_fine"] is True
    (tmp_path / "data" / "master.key").unlink()
    said = installed("doctor", "--json")
    assert said.code == 1
    (finding,) = [one for one in said.json["findings"] if one["state"] == "wrong"]
    assert finding["subject"] == "master key"
    assert "fingerprint" in finding["text"]
    assert finding["remedy"]


def test_the_doctor_works_where_nothing_is(terminal: Terminal) -> None:
    """On a fresh machine it says what to do first, and starts nothing."""
    said = terminal("doctor")
    assert said.code == 0
    assert "steeple serve" in said.out
    assert not (terminal.folder / "data").exists()


@pytest.mark.parametrize(
    ("setting", "says"), [("auto", "qh3 2.1"), ("off", "cryptography (fast_ecdh is off)")], ids=["auto", "off"]
)
def test_the_doctor_says_what_encrypts(terminal: Terminal, setting: str, says: str) -> None:
    """Whether the fast engine is in use here, and why not where it is not."""
    said = terminal("doctor", "--json", STEEPLE_FAST_ECDH=setting)
    (finding,) = [one for one in said.json["findings"] if one["subject"] == "encryption"]
    assert finding["text"].startswith(says)


@pytest.mark.parametrize("words", [["app", "list"], ["keys", "check"], ["doctor"], ["app", "show", "shop"]])
def test_json_is_one_value_on_one_line(installed: Terminal, words: list[str]) -> None:
    """Whatever else happens (logs, hints) goes elsewhere."""
    _make(installed)
    said = installed(*words, "--json")
    json.loads(said.out)
    assert said.out.count("\n") == 1
    assert said.err == ""
