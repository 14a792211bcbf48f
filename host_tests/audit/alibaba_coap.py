"""x"""
DOCUMENT = "Alibaba CoAP"
ROWS = ()
