"""What lets a reader check an alert: its frames, and why it was raised."""
