"""The metrics of several processes as one: counters summed, gauges told apart, and nothing invented."""

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.config import Settings
from gateway.metrics import merged, serve_metrics
from gateway.telemetry import REGISTRY


def process(sent: int, lag_s: float, waits: list[float]) -> bytes:
    """What one process says of itself."""
    registry = CollectorRegistry()
    counter = Counter("steeple_sent_total", 'Sent, "all" \\ of it.', ["state"], registry=registry)
    counter.labels("sent").inc(sent)
    counter.labels("failed").inc(1)
    Gauge("steeple_lag_seconds", "Lag.", registry=registry).set(lag_s)
    histogram = Histogram("steeple_wait_seconds", "Waits.", buckets=(1, 10), registry=registry)
    for wait in waits:
        histogram.observe(wait)
    return generate_latest(registry)


def samples(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def at(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return (name, frozenset(labels.items()))


def test_counters_and_histograms_are_summed():
    """A rate over all processes is the rate of the gateway."""
    found = samples(merged([("worker-1", process(3, 0.5, [0.5, 5])), ("worker-2", process(4, 0.25, [50]))]))

    assert found[at("steeple_sent_total", state="sent")] == 7
    assert found[at("steeple_sent_total", state="failed")] == 2
    assert found[at("steeple_wait_seconds_bucket", le="1.0")] == 1
    assert found[at("steeple_wait_seconds_bucket", le="10.0")] == 2
    assert found[at("steeple_wait_seconds_bucket", le="+Inf")] == 3
    assert found[at("steeple_wait_seconds_count")] == 3
    assert found[at("steeple_wait_seconds_sum")] == 55.5


def test_gauges_are_told_apart_by_process():
    """A sum of lags means nothing; whose lag it is does."""
    found = samples(merged([("worker-1", process(3, 0.5, [])), ("worker-2", process(4, 0.25, []))]))

    assert found[at("steeple_lag_seconds", process="worker-1")] == 0.5
    assert found[at("steeple_lag_seconds", process="worker-2")] == 0.25
    assert at("steeple_lag_seconds") not in found


def test_names_types_and_words_survive():
    """What a single process says of a metric is what all of them say; each family stands there once."""
    one = process(3, 0.5, [1.0])
    together = merged([("a", one), ("b", process(1, 1.0, []))])

    def described(text: bytes) -> dict[str, tuple[str, str]]:
        families = list(text_string_to_metric_families(text.decode()))
        assert len({family.name for family in families}) == len(families)
        return {family.name: (family.type, family.documentation) for family in families}

    assert described(together) == described(one)


def test_the_gateways_own_metrics_survive_a_merge():
    """Every metric that the gateway has, histograms and info among them, comes out under its own name."""
    text = generate_latest(REGISTRY)

    alone, twice = samples(text), samples(merged([("a", text), ("b", text)]))

    assert {name for name, _ in twice} == {name for name, _ in alone}
    assert all(name.startswith("steeple_") for name, _ in alone)


def test_no_process_is_no_metrics():
    """While everything starts, the listener answers with nothing rather than with an error."""
    assert merged([]) == b""


class Process:
    def __init__(self, name: str, text: bytes) -> None:
        self.name = name
        self._text = text

    async def metrics(self) -> bytes:
        return self._text


async def test_the_listener_serves_all_and_each(unused_tcp_port: int):
    """One address to scrape; a process that does not answer is left out, one that is unknown is 404."""
    settings = Settings(metrics_bind=f"127.0.0.1:{unused_tcp_port}")
    worker = process(2, 2.0, [])
    processes = [Process("api", process(1, 1.0, [])), Process("worker-1", worker), Process("dead", b"")]
    url = f"http://{settings.metrics_bind}/metrics"

    async with serve_metrics(settings, processes), aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            everything = await answer.read()
            assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        async with session.get(f"{url}/worker-1") as answer:
            assert await answer.read() == worker
        async with session.get(f"{url}/nobody") as answer:
            assert answer.status == 404

    assert samples(everything)[at("steeple_sent_total", state="sent")] == 3
    with pytest.raises(aiohttp.ClientConnectorError):
        async with aiohttp.ClientSession() as session:
            await session.get(url)


async def test_without_an_address_nothing_listens():
    """An operator may do without metrics."""
    async with serve_metrics(Settings(metrics_bind=""), []):
        pass
