"""The four clouds on loopback."""
