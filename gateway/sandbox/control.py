"""The sandbox's own calls under `/sandbox`: mint devices, order faults, read the ledger, lose a browser.

For people with curl and for the command line; programs in the same process use `Sandbox` directly.
"""

from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import Final, Protocol

import msgspec
from aiohttp import web

from gateway.model.limits import SEND_BODY_BYTES_MAX
from gateway.sandbox.control_apps import APP_CALLS, AppCall, AppsSteered, MintPhones, PhoneLine, phone_lines
from gateway.sandbox.devices import RECEIVER_KEYS_DEFAULT, MintedLine
from gateway.sandbox.faults import Faults, RuleSet
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.mailbox import Mailbox

PREFIX: Final = "/sandbox"
_LINES_A_PIECE: Final = 1_000


class Steered(AppsSteered, Protocol):
    """What the calls need of a sandbox."""

    @property
    def faults(self) -> Faults:
        """The rules in force."""
        ...

    @property
    def ledger(self) -> Ledger:
        """What was accepted."""
        ...

    @property
    def mailbox(self) -> Mailbox:
        """Browsers and their channels."""
        ...

    def describe(self) -> dict[str, object]:
        """Where everything is."""
        ...

    def mint_lines(
        self,
        n: int,
        vapid_public_key: str | bytes | None,
        *,
        prefix: str,
        receiver_keys: int,
        vapid_key_id: str | None,
        user_prefix: str | None,
    ) -> Iterator[MintedLine]:
        """Virtual devices, as they are made."""
        ...

    def forget_subscriptions(self) -> int:
        """Lose them; says of how many browsers."""
        ...

    def drop_lines(self) -> int:
        """Cut them; says how many."""
        ...


class _MintQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of `POST /sandbox/mint`, see `Devices.mint`; for phones see `MintPhones`."""

    channel: str = "webpush"
    n: int = 1
    vapid_public_key: str | None = None
    prefix: str = ""
    receiver_keys: int = RECEIVER_KEYS_DEFAULT
    vapid_key_id: str | None = None
    user_prefix: str | None = None


class _Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /sandbox/retire`: the last part of an endpoint's path."""

    token: str


_Call = Callable[[Steered, web.BaseRequest], Awaitable[web.StreamResponse]]


async def control(sandbox: Steered, request: web.BaseRequest) -> web.StreamResponse:
    """Answer one call under `/sandbox`."""
    wanted = (request.method, request.path.removeprefix(PREFIX).rstrip("/"))
    try:
        if (app_call := APP_CALLS.get(wanted)) is not None:
            return await _about_apps(sandbox, request, app_call)
        if (call := _CALLS.get(wanted)) is not None:
            return await call(sandbox, request)
    except (msgspec.DecodeError, ValueError) as error:
        return _json({"error": str(error)}, 422)
    known = ", ".join(f"{method} {PREFIX}{path}" for method, path in (*_CALLS, *APP_CALLS))
    return _json({"error": f"No such call. There are: {known}"}, 404)


async def _about_apps(sandbox: Steered, request: web.BaseRequest, call: AppCall) -> web.Response:
    asked = None if call.body is None else msgspec.json.decode(await _body(request) or b"{}", type=call.body)
    return _json(call.act(sandbox, asked))


async def _describe(sandbox: Steered, _request: web.BaseRequest) -> web.Response:
    return _json(sandbox.describe())


async def _mint(sandbox: Steered, request: web.BaseRequest) -> web.StreamResponse:
    lines = _minted(sandbox, dict(request.query))
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    for piece in _pieces(lines):
        await response.write(piece)
    await response.write_eof()
    return response


def _minted(sandbox: Steered, asked: dict[str, str]) -> Iterator[MintedLine] | Iterator[PhoneLine]:
    if asked.get("channel", "webpush") != "webpush":
        return phone_lines(sandbox, msgspec.convert(asked, MintPhones, strict=False))
    query = msgspec.convert(asked, _MintQuery, strict=False)
    return sandbox.mint_lines(
        query.n,
        query.vapid_public_key,
        prefix=query.prefix,
        receiver_keys=query.receiver_keys,
        vapid_key_id=query.vapid_key_id,
        user_prefix=query.user_prefix,
    )


def _pieces(lines: Iterator[MintedLine] | Iterator[PhoneLine]) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    while piece := list(islice(lines, _LINES_A_PIECE)):
        yield encoder.encode_lines(piece)


async def _faults(sandbox: Steered, _request: web.BaseRequest) -> web.Response:
    return _json(sandbox.faults.report())


async def _put_faults(sandbox: Steered, request: web.BaseRequest) -> web.Response:
    sandbox.faults.put(msgspec.json.decode(await _body(request), type=RuleSet))
    return _json(sandbox.faults.report())


async def _no_faults(sandbox: Steered, _request: web.BaseRequest) -> web.Response:
    sandbox.faults.put(RuleSet())
    return _json(sandbox.faults.report())


async def _ledger(sandbox: Steered, _request: web.BaseRequest) -> web.Response:
    return _json(sandbox.ledger.summary())


async def _agents(sandbox: Steered, _request: web.BaseRequest) -> web.Response:
    return _json(
        [
            {
                "agent": agent.agent_id,
                "connected": agent.connection is not None,
                "channels": [
                    {"service": channel.service, "token": channel.token, "waiting": len(channel.kept)}
                    for channel in agent.channels.values()
                ],
            }
            for agent in sandbox.mailbox.agents()
        ]
    )


async def _forget_subscriptions(sandbox: Steered, _request: web.BaseRequest) -> web.Response:
    return _json({"forgotten": sandbox.forget_subscriptions()})


async def _drop_lines(sandbox: Steered, _request: web.BaseRequest) -> web.Response:
    return _json({"dropped": sandbox.drop_lines()})


async def _retire(sandbox: Steered, request: web.BaseRequest) -> web.Response:
    sandbox.mailbox.retire(msgspec.json.decode(await _body(request), type=_Token).token)
    return _json({"retired": 1})


async def _body(request: web.BaseRequest) -> bytes:
    if (request.content_length or 0) > SEND_BODY_BYTES_MAX:
        raise ValueError(f"The body is larger than {SEND_BODY_BYTES_MAX} bytes.")
    return await request.read()


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value) + b"\n", content_type="application/json")


_CALLS: Final[dict[tuple[str, str], _Call]] = {
    ("GET", ""): _describe,
    ("POST", "/mint"): _mint,
    ("GET", "/faults"): _faults,
    ("PUT", "/faults"): _put_faults,
    ("DELETE", "/faults"): _no_faults,
    ("GET", "/ledger"): _ledger,
    ("GET", "/agents"): _agents,
    ("POST", "/agents/forget"): _forget_subscriptions,
    ("POST", "/agents/drop"): _drop_lines,
    ("POST", "/retire"): _retire,
}
