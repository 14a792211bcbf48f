"""What runs on the laptop: the `signet` command, the twin, the virtual board, the toolchain.

Nothing here imports `lib/signet`: the tools must prove the device right or wrong with other code.
"""
