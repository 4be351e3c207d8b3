"""kill -9 among people who have several devices."""
