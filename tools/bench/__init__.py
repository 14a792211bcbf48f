"""How fast and how large is signet, measured against peers in one run?"""
