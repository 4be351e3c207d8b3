"""There is one way out of the gateway, and it is guarded."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway

PACKAGE = Path(gateway.__file__).parent
GUARDED = PACKAGE / "wire"
DOOR = GUARDED / "dial.py"
"""Where connections are opened, to addresses that the guarded resolver gave."""
NOT_SERVING = (PACKAGE / "cli", PACKAGE / "sandbox")
"""The command line talks to the gateway that the operator names, and fetches files that the operator asks for; the
sandbox is no part of a running gateway."""
WAYS_OUT = {
    "ClientSession",
    "TCPConnector",
    "HTTPConnection",
    "HTTPSConnection",
    "urlopen",
    "urlretrieve",
    "open_connection",
    "create_connection",
    "start_connection",
    "sock_connect",
    "AsyncClient",
}


def calls_in(source: str) -> Iterator[str]:
    """The last name of each thing called: `x` of `a.b.x()`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
                yield name
            case _:
                continue


def test_nothing_but_the_guarded_client_connects_to_the_outside():
    """Endpoints, webhooks and images all go by the egress policy: one forgotten path would be the hole."""
    files = [path for path in PACKAGE.rglob("*.py") if not path.is_relative_to(GUARDED)]
    serving = [path for path in files if not any(map(path.is_relative_to, NOT_SERVING))]

    found = {path.name: WAYS_OUT & set(calls_in(path.read_text("utf-8"))) for path in serving}

    assert {name: calls for name, calls in found.items() if calls} == {}


def test_the_guarded_client_has_one_door():
    """Whatever version of HTTP: a second place that opens connections could forget to ask where they may go."""
    found = {path.name for path in GUARDED.rglob("*.py") if WAYS_OUT & set(calls_in(path.read_text("utf-8")))}

    assert found == {DOOR.name}
    assert "GuardedResolver" in set(calls_in(DOOR.read_text("utf-8")))


@pytest.mark.parametrize("source", ["aiohttp.ClientSession()", "await asyncio.open_connection('h', 1)", "urlopen(u)"])
def test_a_second_client_would_be_found(source: str):
    """The search sees what it is for."""
    assert WAYS_OUT & set(calls_in(f"async def f():\n    {source}"))
