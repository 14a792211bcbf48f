"""x"""

DOCUMENT = "Design card"
ROWS = ()
