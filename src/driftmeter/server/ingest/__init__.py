"""What requests carry: bodies within a budget, rows in four formats, and their way to the store."""
