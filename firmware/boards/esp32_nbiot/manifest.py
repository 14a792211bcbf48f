"""Which modules go into an image for this board?  MicroPython's own, signet and board.py."""

include("../../manifest.py")
module("board.py", opt=2)
