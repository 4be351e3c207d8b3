"""The demo shop: a page on localhost that walks a person through opt-in, sending, and the counts."""
