"""The same work by other libraries, each in a process of its own: `python -m benchmarks.peers.NAME ORDER.json`."""
