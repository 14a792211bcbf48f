"""x"""
DOCUMENT = "Alibaba HTTP"
ROWS = ()
