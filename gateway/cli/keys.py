"""`steeple keys`: keys at push services, keys of the API, and whether they work."""

import click

from gateway.cli.command import Verbs
from gateway.cli.keys_api import api
from gateway.cli.keys_apns import apns
from gateway.cli.keys_check import check
from gateway.cli.keys_fcm import fcm
from gateway.cli.keys_identity import identity
from gateway.cli.keys_list import list_
from gateway.cli.keys_meter import meter
from gateway.cli.keys_vapid import vapid


@click.group(cls=Verbs)
def command() -> None:
    """Make, see, bring and end keys."""


command.add_command(vapid)
command.add_command(apns)
command.add_command(fcm)
command.add_command(list_)
command.add_command(meter)
command.add_command(api)
command.add_command(identity)
command.add_command(check)
