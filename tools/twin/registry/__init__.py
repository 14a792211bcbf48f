"""What the clouds know, on disk."""
