"""mosquitto behind the gate, and the platform's own connection to it."""
