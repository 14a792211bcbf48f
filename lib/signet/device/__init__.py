"""What does a board know of itself, and keep?"""
