"""Bytes on the wire: encryption, signatures, sealed secrets, where we may connect, HTTP clients.

Nothing here knows a message, a subscriber or a provider, and nothing here speaks SQL.
"""
