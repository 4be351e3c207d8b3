"""Devices come, change, prefer and leave."""
