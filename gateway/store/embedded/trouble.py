"""What an operator is told when the embedded Postgres cannot run."""

from gateway.model.errors import GatewayError


class EmbeddedPostgresError(GatewayError):
    """The embedded Postgres cannot run here as things are; the sentence says what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__("store_unavailable", message, kind="unavailable")
