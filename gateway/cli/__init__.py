"""The command `steeple`: one file per verb. Arguments in, one call, a readable answer out."""

import sys


def main() -> None:
    """Run the command line of this process and exit with 0 (done), 1 (refused or failed) or 2 (wrong usage)."""
    from gateway.cli.command import run  # noqa: PLC0415 - the library's face stays light; the parts load with the verb

    sys.exit(run(sys.argv[1:]))
