"""What is frozen into it? As in Debian's, asyncio."""

include("$(MPY_DIR)/extmod/asyncio")
