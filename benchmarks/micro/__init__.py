"""Costs of single steps."""
