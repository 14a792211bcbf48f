"""What of lib/signet does a board need?"""
