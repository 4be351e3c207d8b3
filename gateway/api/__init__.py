"""The HTTP edge: bytes in, one call into the rooms below, bytes out. `routes.py` has every URL."""
