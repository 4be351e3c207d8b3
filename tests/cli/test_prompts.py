"""`steeple prompts`: made, stopped and looked at from a terminal."""

import json
import urllib.request
from typing import Any

from tests.cli.terminal import Terminal

Demo = tuple[Terminal, dict[str, Any]]
_VARIANTS = {"variants": [{"name": "plain"}, {"name": "offer"}], "texts": {"nl": {"title": "Hoi"}}}


def _tell(urls: dict[str, Any], *reports: dict[str, str]) -> None:
    """What a page of the demo's shop reports."""
    request = urllib.request.Request(  # noqa: S310 - http, our own address
        f"{urls['gateway']}/v1/prompts/outcomes",
        data=json.dumps({"app": urls["app"], "reports": reports}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        assert answer.status == 202


def test_a_prompt_is_made_stopped_and_looked_at(demo: Demo) -> None:
    """Texts of options join those of the file; the report shows each variant under its prompt."""
    terminal, urls = demo
    (terminal.folder / "prompt.json").write_text(json.dumps(_VARIANTS))
    words = ("--title", "Hello", "--yes", "Sure", "--file", "prompt.json", "--kind", "bell")
    made = terminal("prompts", "create", "from-here", *words, "--json").json
    assert made["texts"] == {"nl": {"title": "Hoi"}, "en": {"title": "Hello", "yes": "Sure"}}
    assert made["kind"] == "bell"
    changed = terminal("prompts", "change", "from-here", "--no", "Later", "--json").json
    assert changed["texts"] == {"nl": {"title": "Hoi"}, "en": {"title": "Hello", "yes": "Sure", "no": "Later"}}
    assert terminal("prompts", "off", "from-here").out == "from-here is off.\n"
    listed = terminal("prompts", "list").out
    assert [line.split() for line in listed.splitlines()[1:] if "from-here" in line] == [
        ["from-here", "bell", "no", "0", "2", "-"]
    ]

    offer = {"prompt": "from-here", "variant": "offer", "path": "/sale"}
    _tell(urls, *({**offer, "outcome": outcome} for outcome in ("asked", "asked", "granted")))
    told = terminal("prompts", "report", "--prompt", "from-here").out
    assert [line.split() for line in told.splitlines()[1:4]] == [
        ["from-here", "2", "0", "0", "1", "0", "50.0%", "100.0%"],
        ["plain", "0", "0", "0", "0", "0", "-", "-"],
        ["offer", "2", "0", "0", "1", "0", "50.0%", "100.0%"],
    ]
    assert terminal("prompts", "delete", "from-here").out == "from-here is deleted.\n"
    gone = terminal("prompts", "show", "from-here")
    assert (gone.code, gone.out) == (1, "")


def test_a_fault_names_its_field(demo: Demo) -> None:
    """Which of many texts it is."""
    terminal, _ = demo
    said = terminal("prompts", "create", "from-there", "--title", "a\u202eb")
    assert said.code == 1
    assert "texts.en.title" in said.err
