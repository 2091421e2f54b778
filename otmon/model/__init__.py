"""Frozen value types without behaviour, one concept each."""
