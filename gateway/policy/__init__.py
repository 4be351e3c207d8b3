"""Reasons: pure functions of nouns and a moment. No I/O, no clock of their own."""
