"""Which bytes mean what?  Packets to values and back; no socket, no clock."""
