"""Lists made by others; README.md tells source, date and licence of each."""
