"""The device secret: handed out once at the opt-in, it proves that a later change comes from that device.

256 random bits, so its SHA-256 is all we keep. Who knows only the id, or only the endpoint, learns and changes nothing:
a wrong secret and an id that does not exist get the same answer.
"""

import hashlib
import hmac
import secrets
from typing import Final

from gateway.model.app import App
from gateway.model.errors import GatewayError, NotFound
from gateway.model.subscriber import Subscription
from gateway.store import subscriptions
from gateway.store.database import Queryable

_PREFIX: Final = "stpl_ds_"
_OF_VISITOR: Final = "stpl_vs_"
_RANDOM_BYTES: Final = 32
_NO_HASH: Final = bytes(32)


def new_secret() -> str:
    """`stpl_ds_` and 43 characters of base64url."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def new_visitor_secret() -> str:
    """The same for a visitor: `stpl_vs_` and 43 characters of base64url."""
    return _OF_VISITOR + secrets.token_urlsafe(_RANDOM_BYTES)


def hash_of(secret: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def fits(secret: str, subscription: Subscription | None) -> bool:
    """Whether this is the device's secret; takes as long for a device that does not exist."""
    return fits_hash(secret, subscription.secret_hash if subscription is not None else None)


def fits_hash(secret: str, held: bytes | None) -> bool:
    """Whether this is the secret that is kept so; takes as long where nothing is kept."""
    return is_hash(hash_of(secret), held)


def is_hash(shown: bytes, held: bytes | None) -> bool:
    """The same for who has the hash of what was shown, and the secret no more."""
    return hmac.compare_digest(shown, held or _NO_HASH) and held is not None


async def authorised(db: Queryable, app: App, subscription_id: int, secret: str | None) -> Subscription:
    """The device, for one who may change it: its own secret proves that, None stands for the shop's server.

    Raises `GatewayError`: `secret_invalid` for a device, `not_found` for the server.
    """
    found = await subscriptions.get(db, app, subscription_id)
    if secret is None:
        if found is None:
            raise NotFound("subscription")
        return found
    if found is None or not fits(secret, found):
        raise GatewayError("secret_invalid", "The device secret does not fit this subscription.", kind="authentication")
    return found
