"""Which protocol carries a report?  Clients join `wire` and `net`; none of them knows a cloud."""
