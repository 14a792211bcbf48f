"""Which bytes go over which wire?  Streams and datagrams; nothing here knows a cloud."""
