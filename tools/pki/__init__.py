"""Which keys and certificates do the twin's servers show?"""
