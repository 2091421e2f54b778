"""What otmon remembers of a site, in one SQLite file. All SQL but the outbox's is here."""
