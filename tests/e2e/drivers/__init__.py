"""Drivers of real browsers: Firefox by WebDriver BiDi, Chromium by its DevTools protocol, notifications by D-Bus.

Our own, on aiohttp, because Debian packages no geckodriver and the frameworks bring browsers of their own.
"""
