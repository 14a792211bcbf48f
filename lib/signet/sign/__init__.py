"""What proves who sent a message?  Pure functions: no socket, no clock, no cloud."""
