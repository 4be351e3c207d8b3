"""A gateway that cannot serve says why in a sentence and ends; it does not start the same failure for ever."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.model.errors import GatewayError
from gateway.supervisor import check_bind

START_S = 60.0


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


class Serving:
    """A `steeple serve` on a database of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log = b""

    async def says(self, words: bytes) -> None:
        """Reads its log until these words occur in it."""
        assert self.process.stderr is not None
        async with asyncio.timeout(START_S):
            while words not in self.log:
                line = await self.process.stderr.readline()
                assert line, self.log.decode()
                self.log += line

    async def end(self) -> int:
        """Its exit code, once it has ended by itself."""
        assert self.process.stderr is not None
        async with asyncio.timeout(START_S):
            self.log += await self.process.stderr.read()
            return await self.process.wait()

    @property
    def last_words(self) -> str:
        return self.log.decode().splitlines()[-1]


@pytest.fixture
async def serve(tmp_path: Path, dsn: str, unused_tcp_port: int) -> AsyncIterator["Serve"]:
    """Starts gateways, all of which are ended with the test."""
    starter = Serve(tmp_path, dsn, unused_tcp_port)
    yield starter
    await starter.end_all()


class Serve:
    """Starts gateways."""

    def __init__(self, folder: Path, dsn: str, port: int) -> None:
        self._folder = folder
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("STEEPLE_")},
            "STEEPLE_DATA_DIR": str(folder / "data"),
            "STEEPLE_DATABASE_URL": dsn,
            "STEEPLE_BIND": f"127.0.0.1:{port}",
            "STEEPLE_METRICS_BIND": "",
            "STEEPLE_WORKERS": "1",
            "STEEPLE_LOG": "json",
        }
        self.key_file = folder / "data" / "master.key"
        self._started: list[Serving] = []

    async def __call__(self, *words: str, **settings: str) -> Serving:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "serve", *words,
            cwd=Path(__file__).parents[1], env=self._environ | settings, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._started.append(serving := Serving(process))
        return serving

    async def end_all(self) -> None:
        for serving in self._started:
            if serving.process.returncode is None:
                serving.process.send_signal(signal.SIGTERM)
                await serving.end()


@pytest.mark.parametrize("setting", ["bind", "metrics_bind"])
async def test_an_address_that_is_taken_is_a_sentence(serve: Serve, taken: int, setting: str):
    """Whoever starts a second gateway, or has another program there, reads which address it is about."""
    serving = await serve(**{f"STEEPLE_{setting.upper()}": f"127.0.0.1:{taken}"})

    assert await serving.end() == 1
    assert serving.last_words == (
        f"steeple: Setting {setting}: another program listens on 127.0.0.1:{taken} already; stop it, or choose another"
        " port."
    )
    assert b'"serving"' not in serving.log, "nothing is started before that is known"


async def test_two_gateways_do_not_share_their_figures(serve: Serve, unused_tcp_port_factory: Callable[[], int]):
    """A second gateway on one machine is told to listen for its metrics elsewhere."""
    metrics = f"127.0.0.1:{unused_tcp_port_factory()}"
    first = await serve(STEEPLE_METRICS_BIND=metrics)
    await first.says(b"serving")

    second = await serve(STEEPLE_METRICS_BIND=metrics, STEEPLE_BIND=f"127.0.0.1:{unused_tcp_port_factory()}")

    assert await second.end() == 1
    assert "Setting metrics_bind: another program listens" in second.last_words


async def test_a_child_that_no_restart_mends_ends_the_gateway(serve: Serve):
    """The key that opens the secrets went away while it ran: it stops in order, with the reason, and does not loop."""
    serving = await serve("--role", "worker")
    await serving.says(b'"process_started"')
    serve.key_file.unlink()

    os.kill(only_child_of(serving), signal.SIGKILL)

    assert await serving.end() == 1
    assert serving.last_words.startswith("steeple: ")
    assert "sealed" in serving.last_words
    assert serving.log.count(b'"process_failed"') == 1
    assert b'"stopping"' in serving.log


async def test_a_child_that_dies_otherwise_is_replaced(serve: Serve):
    """A crash heals itself."""
    serving = await serve("--role", "worker")
    await serving.says(b'"process_started"')
    worker = only_child_of(serving)
    serving.log = b""

    os.kill(worker, signal.SIGKILL)

    await serving.says(b'"process_started"')
    assert b'"process_died"' in serving.log
    assert only_child_of(serving) != worker


def only_child_of(serving: Serving) -> int:
    """The pid of the one process that the supervisor has."""
    pid = serving.process.pid
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def test_the_trial_leaves_to_the_api_what_only_it_can_say():
    """A name may stand for an address that is not there beside one that is: `localhost` does on many machines."""
    check_bind(Settings(bind="203.0.113.9:8080"))


def test_the_trial_goes_before_everything(taken: int):
    """A taken address is found without a database, and for what it is."""
    with pytest.raises(GatewayError) as refused:
        check_bind(Settings(bind=f"127.0.0.1:{taken}"))
    assert (refused.value.code, refused.value.param) == ("setting_invalid", "bind")


async def test_an_address_that_the_machine_does_not_have_ends_the_gateway(serve: Serve):
    """What only the API process finds out comes back as the gateway's last words."""
    serving = await serve(STEEPLE_BIND="203.0.113.9:8080")

    assert await serving.end() == 1
    assert serving.last_words == "steeple: Setting bind: this machine has no such address as 203.0.113.9:8080."
    assert b"process_died" not in serving.log
