"""An app in a fresh database."""

from collections.abc import AsyncIterator

import pytest

from gateway.store.database import Database
from gateway.tenancy.apps import create_app
from gateway.tenancy.installation import ensure_installation
from gateway.transports import find
from gateway.transports.base import Transport
from gateway.wire.egress import EgressPolicy
from gateway.wire.pool import HttpClient
from gateway.wire.vault import Vault, generate_master_key
from tests.subscribers.house import House
from tests.transports.fakes import wire_on


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    """The browsers' provider, contacting nobody."""
    provider = find("webpush")
    egress = EgressPolicy.of(defaults=provider.hosts)
    http = HttpClient(egress, connections_max=1)
    yield provider(wire_on(http, egress))
    await http.aclose()


@pytest.fixture
async def house(database: Database, transport: Transport) -> House:
    """An app in a fresh database."""
    vault = Vault(generate_master_key())
    await ensure_installation(database, vault)
    created = await create_app(
        database, vault, name="shop", origins=["https://shop.example"], subject="mailto:push@shop.example"
    )
    return House(database, vault, created, transport)
