"""A vault, and an app in a fresh database."""

import pytest

from gateway.store.database import Database
from gateway.tenancy.apps import CreatedApp, create_app
from gateway.tenancy.installation import ensure_installation
from gateway.wire.vault import Vault, generate_master_key


@pytest.fixture
def vault() -> Vault:
    """A vault with a key of its own."""
    return Vault(generate_master_key())


@pytest.fixture
async def created(database: Database, vault: Vault) -> CreatedApp:
    """An app as the operator gets it, in an installation that was started once."""
    await ensure_installation(database, vault)
    return await create_app(
        database, vault, name="shop", origins=["https://shop.example"], subject="mailto:push@shop.example"
    )
