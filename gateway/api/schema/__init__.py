"""What travels: one struct per request and answer. The OpenAPI document is generated from them."""
