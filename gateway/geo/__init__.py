"""Places of addresses: the country by what the registries gave out, the city by a file that the operator brings.

Addresses come in and are forgotten; no file of this room stores or logs one.
"""
