"""What speaks AT commands where there is no modem?  Dialects over one core, a line, the air."""
