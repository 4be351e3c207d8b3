"""Our own send path without the store: what a worker does between reading a group and settling it.

The product's own objects (group sender, lanes, renderer, receipt tokens, transport, HTTP client), as many groups at
once as a worker holds. Only the database is missing; `benchmarks.campaign` has the whole.

python -m benchmarks.peers.steeple_path ORDER.json [--agreement cryptography|fast] [--ahead]
"""

import argparse
import asyncio
import gc
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, cast

import msgspec
import uvloop

from benchmarks.campaign import MESSAGE
from benchmarks.peers.order import Clock, Order, Push, read_order
from benchmarks.quiet import quiet_logs
from benchmarks.sink import OAUTH_HOST, resolve_to
from gateway.delivery.board import LaneBoard
from gateway.delivery.group import Prepared
from gateway.delivery.names import LiveNames
from gateway.delivery.send import GroupSender
from gateway.model.audience import Audience
from gateway.model.delivery import Device
from gateway.model.ids import new_id, new_message_id
from gateway.model.limits import CONNECTIONS_MAX, GROUP_RECIPIENTS_MAX, GROUPS_IN_FLIGHT_MAX
from gateway.model.message import Content, Message
from gateway.policy.ending import SENT, Again
from gateway.policy.receipt_token import ReceiptSigner
from gateway.store.database import Database
from gateway.transports import find
from gateway.transports.base import Credential, Pace, Token, Transport, Wire
from gateway.wire.ecdh import IN_USE, Mode
from gateway.wire.egress import EgressPolicy
from gateway.wire.pool import HttpClient

Agreement = Literal["cryptography", "fast"]
CONTENT: Final = Content(**{name: MESSAGE[name] for name in ("title", "body", "url", "icon")})
COLLECT_AFTER: Final = (50_000, 20, 50)
"""As `gateway.process` has it for all processes."""
_MODE: Final[dict[Agreement, Mode]] = {"cryptography": "off", "fast": "auto"}


class OwnTokens:
    """Tokens of this process alone: nobody shares them."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}

    async def get(
        self,
        name: str,
        make: Callable[[], Awaitable[Token]],
        *,
        renew_after_s: float,
        refused: str | None = None,
        age_s_min: float = 0.0,
    ) -> Token:
        """The one that was made first: a run is over long before it is old."""
        del renew_after_s, refused, age_s_min
        if name not in self._tokens:
            self._tokens[name] = await make()
        return self._tokens[name]


class SendPath(msgspec.Struct, frozen=True, eq=False):
    """A send path for one order."""

    wire: Wire
    transport: Transport
    ready: Prepared
    credential: Credential

    @property
    def http(self) -> HttpClient:
        """Its HTTP client."""
        return self.wire.http

    def transport_on(self, http: HttpClient) -> Transport:
        """A transport like its own on another HTTP client."""
        return unpaced(find(self.transport.name))(msgspec.structs.replace(self.wire, http=http))

    def groups(self, pushes: Sequence[Push]) -> list[list[Device]]:
        """Devices as the feed reads them: not part of what is timed."""
        devices = [self._device(push.address) for push in pushes]
        return [devices[start : start + GROUP_RECIPIENTS_MAX] for start in range(0, len(devices), GROUP_RECIPIENTS_MAX)]

    def _device(self, address: dict[str, Any]) -> Device:
        return Device(new_id(), self.transport.name, 1, self.transport.address(address).wire, 1, None, None)

    def sender(self, transport: Transport | None = None) -> GroupSender:
        """The group sender of a process; its lanes are told to nobody, as there is no database to tell them through."""
        board = LaneBoard(cast("Database", None))
        used = transport or self.transport
        return GroupSender({used.name: used}, board, clock=time.time, dice=random.SystemRandom())

    async def send(self, sender: GroupSender, groups: Sequence[Sequence[Device]]) -> None:
        """Sends them, as many at once as a worker's engine holds."""
        left = iter(groups)

        async def run() -> None:
            for group in left:
                await self._send_group(sender, group)

        async with asyncio.TaskGroup() as runners:
            for _ in range(GROUPS_IN_FLIGHT_MAX):
                runners.create_task(run())

    async def _send_group(self, sender: GroupSender, devices: Sequence[Device]) -> None:
        """Until all have got it: who is put off, as a lane has a long queue, is tried again when the time is up."""
        credentials = {self.credential.id: self.credential}
        while devices:
            sending = sender.start(self.ready, devices, credentials, attempt=0, strikes=0)
            await sending.wait()
            put_off = [
                (device, fate)
                for device, fate in zip(devices, sending.fates, strict=True)
                if isinstance(fate, Again) and not fate.is_counted
            ]
            sent = sum(fate is SENT for fate in sending.fates)
            assert sent + len(put_off) == len(devices), Counter(map(str, sending.fates))
            devices = [device for device, _ in put_off]
            if put_off:
                await asyncio.sleep(min(fate.wait_s for _, fate in put_off))


@asynccontextmanager
async def opened(order: Order, agreement: Agreement = "cryptography") -> AsyncGenerator[SendPath]:
    """The send path of one process, for the length of the block."""
    policy = policy_of(order)
    async with HttpClient(policy, connections_max=CONNECTIONS_MAX) as http:
        wire = Wire(
            egress=policy, http=http, clock=time.time, tokens=OwnTokens(), dice=random.SystemRandom(),
        )  # fmt: skip
        transport = unpaced(find(order.provider))(wire)
        use(agreement)
        yield SendPath(wire, transport, prepared(transport, order.ttl_s), credential_of(order))
        await transport.aclose()


def unpaced(provider: type[Transport]) -> type[Transport]:
    """The provider without a rate that it keeps to of itself: what a core can do is measured, not a quota."""
    return type(provider.__name__, (provider,), {"pace": Pace(in_flight_max=provider.pace.in_flight_max)})


def use(agreement: Agreement) -> None:
    """Agrees on keys this way in this process."""
    in_use = IN_USE.use(_MODE[agreement])
    assert (in_use == "cryptography") is (agreement == "cryptography"), IN_USE.why


def policy_of(order: Order) -> EgressPolicy:
    """Permits the sink, and finds the hosts of APNs and FCM there, as a rehearsal does."""
    return EgressPolicy.of(
        defaults=find(order.provider).hosts, allow=[order.origin.removeprefix("https://")],
        resolve=resolve_to(order.port), sandbox=True, ca_file=Path(order.ca_file),
    )  # fmt: skip


def prepared(transport: Transport, ttl_s: int) -> Prepared:
    """The message, as the feed compiles it."""
    now = datetime.now(UTC)
    message = Message(
        app_id=1,
        id=new_message_id(0),
        content=CONTENT,
        audience=Audience(everybody=True),
        planned_at=now,
        expires_at=now + timedelta(seconds=ttl_s),
    )
    compiled = transport.compile(CONTENT, message_id=message.id)
    signer = ReceiptSigner(1, 1, random.randbytes(32))
    return Prepared(
        message, now.date(), {transport.name: compiled}, signer, cast("LiveNames", None), ttl_s, f"1.{message.id}"
    )


def credential_of(order: Order) -> Credential:
    """The app's key, as it would have been brought by an operator, opened."""
    minted = find(order.provider).load(_raw(order), "mailto:push@shop.example")
    return Credential(
        app_id=1, id=1, public_id=1, provider=order.provider, is_current=True, public=minted.public,
        secret=minted.secret,
    )  # fmt: skip


def _raw(order: Order) -> str:
    given = order.credential
    match order.provider:
        case "webpush":
            return given["pem"]
        case "apns":
            form = {"p8": given["key"], "bundle_ids": [given["topic"]]}
            return msgspec.json.encode({**form, "key_id": given["key_id"], "team_id": given["team_id"]}).decode()
        case _:
            return msgspec.json.encode({**given, "token_uri": f"https://{OAUTH_HOST}/token"}).decode()


async def _main(order: Order, agreement: Agreement, *, is_ahead: bool) -> None:
    async with opened(order, agreement) as path:
        warm_up, timed = path.groups(order.pushes[: order.warm_up]), path.groups(order.pushes[order.warm_up :])
        sender = path.sender()
        await path.send(sender, warm_up)
        if is_ahead:
            made = sum(path.transport.make_ahead(device.wire) for group in timed for device in group)
            assert made == len(order.pushes) - order.warm_up, f"room for {made} keys only"
        clock = Clock().start()
        await path.send(sender, timed)
        clock.score(len(order.pushes) - order.warm_up)


def main() -> None:
    """Sends as a worker does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("order")
    parser.add_argument("--agreement", choices=list(_MODE), default="cryptography")
    parser.add_argument("--ahead", action="store_true", help="make the keys before the clock runs")
    asked = parser.parse_args()
    quiet_logs()
    gc.set_threshold(*COLLECT_AFTER)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(read_order(), asked.agreement, is_ahead=asked.ahead))


if __name__ == "__main__":
    main()
