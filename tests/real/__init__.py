"""Each kind of fault on real data: what is right is worked out from the raw rows."""
