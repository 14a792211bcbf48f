"""Boards: deploying to them with mpremote, and a virtual one on this machine."""
