"""TLS over TCP."""
