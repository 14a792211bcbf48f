"""What is frozen into every image?  asyncio, and what runs before boot.py."""

include("$(MPY_DIR)/extmod/asyncio")
module("_boot.py", base_path="../modules")
