"""Devices and whose they are: opting in, changing, leaving; proving who one is; moving thousands of them at once."""
