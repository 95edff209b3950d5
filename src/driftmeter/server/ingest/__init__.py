"""What requests carry: bodies within a budget, rows in four forms, and the commit of writes to the store."""
