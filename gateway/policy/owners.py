"""Whose a device is, as far as a message is concerned: a person's, or nobody's but its own."""


def owner_of(person: str | None, subscription_id: int) -> str:
    """The same text for all devices of a person; a device of nobody stands for itself. The two never meet."""
    return f"u:{person}" if person is not None else f"d:{subscription_id}"
