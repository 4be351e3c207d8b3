"""Lanes on the command line: nothing to see while all is well, and a sentence for what cannot be."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.cli.terminal import Terminal

Demo = tuple[Terminal, dict[str, Any]]
_KEY = "key_0123456789abc"
_LANE = {
    "app": "app_0123456789abc",
    "key": _KEY,
    "channel": "webpush",
    "host": "push.example",
    "state": "stopped",
    "reason": "vapid_refused",
    "meaning": "The push service refuses this key.",
    "since": "2026-05-01T12:00:00Z",
    "until": "2026-05-01T12:15:00Z",
    "rate_per_s": None,
}


class _Gateway(BaseHTTPRequestHandler):
    """Two pages of lanes."""

    def do_GET(self) -> None:
        page = {"data": [_LANE], "next": None if "after=" in self.path else "1"}
        body = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Not into the test's output."""


@pytest.fixture
def troubled() -> Iterator[str]:
    """The address of a gateway where two lanes stand."""
    server = HTTPServer(("127.0.0.1", 0), _Gateway)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_stands_is_a_table_with_the_reason_in_words(terminal: Terminal, troubled: str) -> None:
    """All pages; each reason is explained once, beside the answer."""
    where = {"STEEPLE_URL": troubled, "STEEPLE_API_KEY": "x"}
    said = terminal("lanes", "list", **where)
    assert said.code == 0
    assert said.out.count(f"{_KEY}  webpush  push.example  stopped  vapid_refused  2026-05-01 12:15:00 UTC") == 2
    assert said.err == "vapid_refused: The push service refuses this key.\n"
    assert terminal("lanes", "list", "--json", **where).json == [_LANE, _LANE]


def test_all_is_well_in_a_sentence(demo: Demo) -> None:
    """For people and for programs."""
    terminal, _ = demo
    assert terminal("lanes", "list").out == "All lanes run freely.\n"
    assert terminal("lanes", "list", "--json").json == []


def test_what_does_not_stand_is_not_resumed(demo: Demo) -> None:
    """The gateway's own sentence, and exit code 1."""
    terminal, _ = demo
    said = terminal("lanes", "resume", _KEY, "push.example")
    assert (said.code, said.out) == (1, "")
    assert "no such lane" in said.err


def test_a_key_that_is_none_is_wrong_usage(terminal: Terminal) -> None:
    """Before anything is asked."""
    assert terminal("lanes", "resume", "mine", "push.example").code == 2
