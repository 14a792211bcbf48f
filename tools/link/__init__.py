"""What of lib/signet does a board need, and in which form?

To be read in the order in which a device is linked: linked, device, fold, gather, resolve,
api, drop, texts, shorten, map; nodes serves them all.
"""
