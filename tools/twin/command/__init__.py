"""`signet twin`."""
