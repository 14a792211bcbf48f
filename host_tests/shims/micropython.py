"""What does code for a board import from `micropython`?  On CPython these do nothing."""


def const(value):
    return value


def heap_lock():
    pass


def heap_unlock():
    pass
