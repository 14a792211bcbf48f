"""The page of a twin, or of a trace: what happens there, in a browser."""
