"""The whole sandbox, seen from an application server and from a browser."""
