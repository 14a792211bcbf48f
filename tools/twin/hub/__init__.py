"""What all connections share, and who may ask a running twin."""
