"""From an order to chunks: is it a good order, who is it for, when; and its control while it runs."""
