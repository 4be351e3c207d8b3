"""The metrics listener of the supervisor: `/metrics` for all processes together, `/metrics/{process}` for one.

Counters and histograms are summed over processes; gauges are told apart by a label `process`. Loopback by default:
figures say more about a business than they should.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web
from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from gateway.config import Settings, cannot_listen, split_bind

_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SUMMED = frozenset({"counter", "histogram", "summary"})


class Source(Protocol):
    """A process that tells its metrics."""

    name: str

    async def metrics(self) -> bytes:
        """Prometheus text; empty when it does not answer."""
        ...


class _Merged(Collector):
    """Families of several processes as one."""

    def __init__(self, texts: Sequence[tuple[str, str]]) -> None:
        self._texts = texts

    def collect(self) -> list[Metric]:
        """Every family once."""
        families: dict[str, Metric] = {}
        sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        for process, text in self._texts:
            for family in text_string_to_metric_families(text):
                families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    labels = dict(sample.labels)
                    if family.type not in _SUMMED:
                        labels["process"] = process
                    key = (sample.name, tuple(sorted(labels.items())))
                    is_moment = sample.name.endswith("_created")
                    sums[key] = (
                        min(sums.get(key, sample.value), sample.value)
                        if is_moment
                        else (sums.get(key, 0.0) + sample.value)
                    )
        for (name, labels), value in sums.items():
            family = next(families[one] for one in _family_names(name) if one in families)
            family.add_sample(name, dict(labels), value)
        return list(families.values())


def _family_names(sample: str) -> list[str]:
    """The families that a sample of this name may belong to."""
    endings = ("_total", "_bucket", "_count", "_sum", "_created", "_info")
    return [sample, *(sample.removesuffix(ending) for ending in endings if sample.endswith(ending))]


def merged(texts: Sequence[tuple[str, bytes]]) -> bytes:
    """One Prometheus text of (process, text) pairs."""
    registry = CollectorRegistry()
    registry.register(_Merged([(name, text.decode()) for name, text in texts]))
    return generate_latest(registry)


@asynccontextmanager
async def serve_metrics(settings: Settings, sources: Sequence[Source]) -> AsyncGenerator[None]:
    """Listens for the length of the block; not at all where `metrics_bind` is empty.

    `sources` may grow meanwhile. Raises `GatewayError` (setting_invalid) where nothing can listen.
    """
    if not settings.metrics_bind:
        yield
        return

    async def of_all(_request: web.Request) -> web.Response:
        texts = [(source.name, await source.metrics()) for source in sources]
        return web.Response(body=merged([pair for pair in texts if pair[1]]), headers={"Content-Type": _TYPE})

    async def of_one(request: web.Request) -> web.Response:
        wanted = request.match_info["process"]
        source = next((source for source in sources if source.name == wanted), None)
        if source is None:
            raise web.HTTPNotFound(text="There is no such process.\n")
        return web.Response(body=await source.metrics(), headers={"Content-Type": _TYPE})

    app = web.Application()
    app.add_routes([web.get("/metrics", of_all), web.get("/metrics/{process}", of_one)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, port = split_bind(settings.metrics_bind, setting="metrics_bind")
    try:
        try:
            # Not shared with another gateway: figures that alternate between two are wrong for both.
            await web.TCPSite(runner, host, port).start()
        except OSError as fault:
            raise cannot_listen(fault, settings.metrics_bind, setting="metrics_bind") from None
        yield
    finally:
        await runner.cleanup()
