"""A device's connection by MQTT."""
