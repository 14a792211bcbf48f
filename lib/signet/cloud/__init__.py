"""Who speaks each cloud's language?  One folder per cloud, one file per way in."""
