"""CoAP: its server, DTLS before it, a bad network before both."""
