"""Servers that HTTP clients are tested against: a strict one that does what a script says, and programs of others."""
