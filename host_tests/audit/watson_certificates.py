"""x"""

DOCUMENT = "Watson certificates"
ROWS = ()
