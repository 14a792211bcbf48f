"""The bytes of MQTT and CBOR, and topics: no socket, no clock."""
