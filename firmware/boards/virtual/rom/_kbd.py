"""What does `import micropython` give on the virtual board?  _boot.py fills this module."""
