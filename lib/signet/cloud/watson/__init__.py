"""IBM Watson IoT Platform: identity.py says who we are, the other files are its ways in."""
