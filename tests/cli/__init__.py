"""The command line, as a terminal and a program see it."""
