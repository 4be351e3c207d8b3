"""The command `steeple`."""


def main() -> None:
    """X."""
