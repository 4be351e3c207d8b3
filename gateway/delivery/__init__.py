"""From chunks to push services: what is due, send it, what became of it."""
