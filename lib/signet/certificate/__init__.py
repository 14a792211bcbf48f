"""A new certificate for the board: values in, an outcome out; nothing here sees a Link."""
