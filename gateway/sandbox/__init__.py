"""Fake push services on loopback: for rehearsals, the demo, tests and benchmarks. Never part of a running gateway.

Start with `server.Sandbox`. They are strict where real services are lenient, so that what passes here passes there.
"""

from gateway.sandbox.faults import Rule, RuleSet
from gateway.sandbox.ledger import Entry, Ledger
from gateway.sandbox.server import Sandbox, run

__all__ = ["Entry", "Ledger", "Rule", "RuleSet", "Sandbox", "run"]
