"""The proxy does to bytes what it is told: else a test behind it would prove nothing."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos.weather import Weather, WeatherProxy, weather_in_front_of


@pytest_asyncio.fixture(loop_scope="session")
async def echo() -> AsyncIterator[WeatherProxy]:
    """A proxy in front of a server that says everything back."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1000):
            writer.write(piece)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, weather_in_front_of(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


async def _said_back(proxy: WeatherProxy, words: bytes, *, within_s: float = 2.0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(words)
    try:
        async with asyncio.timeout(within_s):
            return await reader.readexactly(len(words))
    except asyncio.IncompleteReadError as cut:
        return cut.partial
    finally:
        writer.transport.abort()


async def test_clear_weather_passes_everything_on(echo: WeatherProxy):
    """Nothing is changed."""
    assert await _said_back(echo, b"x" * 100_000) == b"x" * 100_000
    assert echo.connections_peak == 1


async def test_delay_and_slices_slow_it_down(echo: WeatherProxy):
    """Ten bytes in single pieces, twenty milliseconds each."""
    await echo.turn(Weather(delay_s=0.02, slice_bytes=1))
    began_s = time.monotonic()
    assert await _said_back(echo, b"0123456789") == b"0123456789"
    assert time.monotonic() - began_s > 0.2


async def test_silence_swallows_what_was_said(echo: WeatherProxy):
    """Nothing arrives, neither now nor later; new connections work when the weather has changed."""
    await echo.turn(Weather(sky="silent"))
    waiting = asyncio.create_task(_said_back(echo, b"hello", within_s=5))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    await echo.turn(Weather())
    with contextlib.suppress(ConnectionResetError):
        assert await waiting == b""
    assert await _said_back(echo, b"hello") == b"hello"


async def test_an_answer_is_cut_in_its_middle(echo: WeatherProxy):
    """So many bytes and a reset."""
    await echo.turn(Weather(answer_bytes_max=3))
    try:
        assert await _said_back(echo, b"hello") in {b"hel", b""}
    except ConnectionResetError:
        return


async def test_a_refused_connection_is_refused_until_the_weather_changes(echo: WeatherProxy):
    """Nobody listens; later somebody does, on the same port."""
    await echo.turn(Weather(sky="refusing"))
    with pytest.raises(ConnectionRefusedError):
        await _said_back(echo, b"hello")
    await echo.turn(Weather())
    assert await _said_back(echo, b"hello") == b"hello"
