"""The command line as a whole: its verbs, and how a refusal becomes a sentence and an exit code."""

import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import click
import structlog

from gateway.cli.answer import complain, note_json
from gateway.cli.client import Refused
from gateway.model.errors import GatewayError
from gateway.store.embedded import EmbeddedPostgresError

REFUSED: Final = 1
WRONG_USAGE: Final = 2
_NO_TEXT: Final = "What was typed, or the file that was named, is not UTF-8. See `steeple --help`."

_VERBS: Final[dict[str, str]] = {
    "serve": "serve",
    "demo": "demo",
    "migrate": "migrate",
    "app": "app",
    "keys": "keys",
    "send": "send",
    "preview": "preview",
    "messages": "messages",
    "explain": "explain",
    "users": "users",
    "segments": "segments",
    "lists": "lists",
    "coupons": "coupons",
    "templates": "templates",
    "prompts": "prompts",
    "lanes": "lanes",
    "geo": "geo",
    "import": "import_",
    "export": "export",
    "backup": "backup",
    "restore": "restore",
    "sandbox": "sandbox",
    "doctor": "doctor",
    "bench": "bench",
    "version": "version",
}
"""Verb -> file of this folder. Loaded when it is used: `steeple version` need not load a web server."""


class Verb(click.Command):
    """A verb; each has `--json`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--json"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=note_json,
                help="Answer in JSON, for programs.",
            )
        )


class Verbs(click.Group):
    """Verbs that share a first word."""

    command_class = Verb

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a sentence that helps."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            known = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"There is no `{ctx.command_path} {name}`. There are: {known}.", ctx)
        return super().resolve_command(ctx, args)


class _Root(Verbs):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _VERBS:
            return None
        return importlib.import_module(f"gateway.cli.{_VERBS[cmd_name]}").command


@click.command(cls=_Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def steeple() -> None:
    """The push gateway you run yourself."""


def run(arguments: Sequence[str]) -> int:
    """One command; the exit code."""
    as_json = "--json" in arguments
    _quiet_logs()
    try:
        code = steeple.main(list(arguments), prog_name="steeple", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as wrong:
        click.echo(wrong.format_message(), err=True)
        return WRONG_USAGE
    except click.UsageError as wrong:
        complain({"type": "invalid_request", "code": "usage", "message": _usage(wrong)}, as_json=as_json)
        return WRONG_USAGE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; nothing more can be said
        return REFUSED
    except UnicodeError:  # a word of the shell or a file may be any bytes
        complain({"type": "invalid_request", "code": "usage", "message": _NO_TEXT}, as_json=as_json)
        return WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        return REFUSED
    except (GatewayError, Refused, EmbeddedPostgresError, click.ClickException, OSError) as fault:
        complain(error_of(fault), as_json=as_json)
        return REFUSED
    return code if isinstance(code, int) else 0


def _quiet_logs() -> None:
    """Only trouble is logged, and never into the answer; `serve` sets up its own logs."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


def error_of(fault: Exception) -> dict[str, Any]:
    """The error object of a refusal, in the API's shape."""
    match fault:
        case Refused(error=error):
            return error
        case GatewayError():
            error = {"type": fault.kind, "code": fault.code, "message": fault.message, "param": fault.param}
            return {name: value for name, value in error.items() if value is not None}
        case click.ClickException():
            message = fault.format_message()
        case OSError(filename=name, strerror=why) if name is not None and why is not None:
            message = f"{os.fsdecode(name)}: {why}."
        case _:
            message = str(fault)
    return {"type": "unavailable", "code": "failed", "message": message}


def _usage(wrong: click.UsageError) -> str:
    words = wrong.format_message()
    sentence = words if words.endswith((".", "?", "!")) else words + "."
    where = wrong.ctx.command_path if wrong.ctx is not None else "steeple"
    return f"{sentence} See `{where} --help`."
