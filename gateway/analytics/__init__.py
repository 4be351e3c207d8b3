"""What devices and shops report back, and the sums of it."""
