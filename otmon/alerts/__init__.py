"""Matches become alerts: one per thing that happened, with a severity."""
