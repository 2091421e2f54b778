"""Sigma rules: found, read, compiled, judged and proven."""
