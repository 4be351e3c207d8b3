"""What is typed wrongly is answered with a sentence, exit code 2, and no traceback."""

import pytest

from tests.cli.terminal import Terminal

_KEY = "key_0123456789abc"

WRONG = {
    "no such verb": ["frobnicate"],
    "no such second word": ["app", "paint"],
    "an option that does not exist": ["serve", "--fast"],
    "a role that does not exist": ["serve", "--role", "boss"],
    "workers below none": ["serve", "--workers", "-1"],
    "an app without a name": ["app", "create", "--origin", "https://shop.example"],
    "an app without an origin": ["app", "create", "shop"],
    "deleting without a word": ["app", "delete", "shop"],
    "showing no app": ["app", "show"],
    "an id that is none": ["messages", "show", "msg_1"],
    "the id of something else": ["messages", "cancel", _KEY],
    "a template changed in nothing": ["templates", "change", "tpl_0123456789abc"],
    "a prompt changed in nothing": ["prompts", "change", "welcome"],
    "a prompt of no kind": ["prompts", "create", "welcome", "--kind", "popup"],
    "a state that does not exist": ["messages", "list", "--state", "lost"],
    "a message to nobody": ["send", "--title", "Hello"],
    "a button without a title": ["send", "--all", "--action", "buy"],
    "data that is no object": ["send", "--all", "--data", "[1]"],
    "an urgency that does not exist": ["send", "--all", "--urgency", "extreme"],
    "a time to live that is no number": ["send", "--all", "--ttl", "soon"],
    "a key id that is none": ["keys", "api", "revoke", "key_1"],
    "a scope that does not exist": ["keys", "api", "create", "--name", "x", "--scope", "all"],
    "no app for a key": ["keys", "vapid", "generate"],
    "a key to retire that is none": ["keys", "vapid", "retire", "--app", "x", "nothing"],
    "importing nothing": ["import", "subscriptions"],
    "exporting what is not there": ["export", "everything"],
    "a port that is none": ["sandbox", "--port", "70000"],
    "no devices at all": ["demo", "--devices", "0"],
    "an argument to doctor": ["doctor", "please"],
    "an option of migrate": ["migrate", "--now"],
    "an argument to version": ["version", "please"],
}


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG.keys())
def test_wrong_usage_is_a_sentence(terminal: Terminal, words: list[str]) -> None:
    """A person reads what is wrong and where to look, on standard error."""
    said = terminal(*words)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("steeple: ")
    assert "--help" in said.err
    assert said.err.count("\n") == 1


DEEP = '{"data": ' + "[" * 100_000 + "}"
WRONG_FILES = {
    "texts of a prompt that are none": (["prompts", "create", "welcome", "--title", "Hello"], '{"texts": 5}'),
    "texts of a language that are none": (["prompts", "create", "welcome", "--no", "Later"], '{"texts": {"en": "x"}}'),
    "an audience that is none": (["send", "--all"], '{"audience": "everybody"}'),
    "a schedule that is none": (["send", "--all", "--at", "tomorrow"], '{"schedule": null}'),
    "a message without a bottom": (["send", "--all"], DEEP),
    "a title that is no text": (["send", "--all", "--title", "\udcff"], "{}"),
}


@pytest.mark.parametrize(("words", "file"), WRONG_FILES.values(), ids=WRONG_FILES.keys())
def test_a_wrong_file_is_a_sentence(terminal: Terminal, words: list[str], file: str) -> None:
    """What options add to may be anything: a file is as hostile as what is typed."""
    said = terminal(*words, "--file", "-", "--key", "x", stdin=file)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("steeple: ")
    assert said.err.count("\n") == 1


def test_a_file_of_other_bytes_is_a_sentence(installed: Terminal) -> None:
    """Somebody names the wrong file."""
    (installed.folder / "key.pem").write_bytes(b"\xff\xfe\x00")
    said = installed("keys", "vapid", "import", "--app", "shop", "key.pem")
    assert (said.code, said.out) == (2, "")
    assert said.err == "steeple: What was typed, or the file that was named, is not UTF-8. See `steeple --help`.\n"


def test_wrong_usage_is_an_object_for_programs(terminal: Terminal) -> None:
    """A program branches on a code."""
    said = terminal("send", "--title", "Hello", "--json")
    assert said.code == 2
    assert said.error["code"] == "usage"
    assert said.error["type"] == "invalid_request"


def test_without_a_verb_all_are_named(terminal: Terminal) -> None:
    """A newcomer sees what there is."""
    said = terminal()
    assert said.code == 2
    for verb in ("serve", "demo", "app", "keys", "send", "doctor"):
        assert f"\n  {verb} " in said.err


def test_version_says_which(terminal: Terminal) -> None:
    """For people and for programs."""
    assert terminal("version").out.startswith("steeple 0.")
    assert set(terminal("version", "--json").json) == {"version", "python"}


REFUSED = {
    "no gateway": (["messages", "list", "--key", "x"], "gateway_unreachable"),
    "no key": (["messages", "list"], "key_missing"),
    "a key that was cut": (["messages", "list", "--key", "a b"], "key_invalid"),
    "an address that is none": (["messages", "list", "--key", "x", "--gateway", "ftp://x"], "gateway_invalid"),
    "a file that is not there": (["import", "subscriptions", "none.ndjson", "--key", "x"], "failed"),
    "a setting that cannot be": (["serve", "--bind", "nowhere"], "setting_invalid"),
    "a database that is away": (["app", "list", "--database-url", "postgresql://127.0.0.1:1/x"], "store_unavailable"),
    "no contact": (["app", "create", "shop", "--origin", "http://localhost:3000"], "subject_invalid"),
}


@pytest.mark.parametrize(("words", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_is_a_sentence_or_an_object(terminal: Terminal, words: list[str], code: str) -> None:
    """What was understood and cannot be done: exit code 1, and nothing on standard output."""
    away = {"STEEPLE_URL": "http://127.0.0.1:1"}
    said = terminal(*words, **away)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("steeple: ")
    assert "Traceback" not in said.err
    as_json = terminal(*words, "--json", **away)
    assert as_json.code == 1
    assert as_json.error["code"] == code


def test_settings_are_shown_with_their_source(terminal: Terminal) -> None:
    """Who wonders why a setting does not hold sees where it was set; secrets are not shown."""
    secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"
    (terminal.folder / "steeple.toml").write_text('log = "pretty"\n[providers.x]\ntoken = "hush-hush"\n')
    said = terminal(
        "serve", "--print-config", "--bind", "127.0.0.1:9", "--json",
        STEEPLE_MASTER_KEY=secret, STEEPLE_DATABASE_URL="postgresql://u:password@127.0.0.1/x", STEEPLE_WORKERS="3",
    )  # fmt: skip
    shown = {row["name"]: (row["value"], row["from"]) for row in said.json}
    assert shown["bind"] == ("127.0.0.1:9", "command line")
    assert shown["workers"] == ("3", "environment")
    assert shown["log"] == ("pretty", "steeple.toml")
    assert shown["drain_s"][1] == "default"
    assert shown["master_key"] == ("(set)", "environment")
    assert shown["database_url"] == ("(set)", "environment")
    for word in (secret, "password", "hush-hush"):
        assert word not in said.out + said.err
