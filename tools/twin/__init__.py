"""The three clouds on loopback."""
