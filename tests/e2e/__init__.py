"""The whole gateway, seen from real browsers."""
