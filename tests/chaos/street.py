"""Two sets of push services, one of them behind a proxy that makes bad weather, and a gateway that sends to both."""

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
import msgspec

from tests.chaos.books import Book
from tests.chaos.gateway_process import Serve
from tests.chaos.processes import SandboxProcess, free_port, sandbox_process
from tests.chaos.shop import Shop
from tests.chaos.weather import Weather, WeatherProxy, weather_in_front_of


class Street(msgspec.Struct, frozen=True, eq=False):
    """`stormy` is reached through `proxy`, `calm` directly; `calm` is also found where its certificate does not fit."""

    serve: Serve
    session: aiohttp.ClientSession
    proxy: WeatherProxy
    stormy: SandboxProcess
    calm: SandboxProcess
    books: list[Book]
    stranger_port: int

    async def shop(self, name: str, *, stormy: int = 0, calm: int = 0, prefix: str = "") -> Shop:
        """A shop with devices s0.. at the one and c0.. at the other. Its lanes are its own. The weather is fine."""
        await self.fine()
        shop = await self.serve.open_shop(name)
        if stormy:
            await shop.fill(self.stormy, stormy, prefix=prefix, users="s")
        if calm:
            await shop.fill(self.calm, calm, prefix=prefix, users="c")
        return shop

    async def fine(self) -> None:
        """Nothing is wrong."""
        await self.proxy.turn(Weather())
        await self.stormy.order_faults(self.session)
        await self.calm.order_faults(self.session)


@contextlib.asynccontextmanager
async def street(folder: Path, session: aiohttp.ClientSession) -> AsyncGenerator[Street]:
    """All of it for the length of the block."""
    async with (
        sandbox_process(folder, "stormy") as stormy,
        sandbox_process(folder, "calm") as calm,
        weather_in_front_of(stormy.port) as proxy,
    ):
        stormy.found_at = proxy.port
        stranger_port = free_port()
        serve = Serve(folder / "data", [stormy, calm], session)
        for name, more in {
            "STEEPLE_EGRESS_ALLOW": f"stranger.example:{stranger_port},localhost:{stormy.tls_port}",
            "STEEPLE_EGRESS_RESOLVE": f"stranger.example:{stranger_port}=127.0.0.1:{calm.tls_port},"
            f"localhost:{stormy.tls_port}=127.0.0.1:{stormy.tls_port}",
        }.items():
            serve.environ[name] += f",{more}"
        serve.environ["STEEPLE_EGRESS_CA"] = str(folder / "calm" / "sandbox-ca.pem")
        try:
            await serve.start()
            books = [Book(stormy.ledger), Book(calm.ledger)]
            yield Street(serve, session, proxy, stormy, calm, books, stranger_port)
        finally:
            await serve.clean_up()
