"""Coupon codes: how they come in, who gets which, how they come back."""
