"""What Steeple's claims of speed rest on; `make bench` runs it, RESULTS.md has the figures."""
