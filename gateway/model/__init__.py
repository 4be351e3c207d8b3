"""Nouns: frozen structs and closed lists. No I/O, no clock."""
