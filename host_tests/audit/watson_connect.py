"""x"""

DOCUMENT = "Watson connecting"
ROWS = ()
