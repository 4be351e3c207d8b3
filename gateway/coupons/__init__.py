"""Coupon codes beside sending: how they come in, are made, redeemed, looked after and reported on."""
