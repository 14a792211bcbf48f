"""MQTT's bytes and topics: no socket, no clock."""
