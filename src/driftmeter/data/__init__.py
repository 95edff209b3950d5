"""What comes in from frames and files: columns of plain values, what kind each is, and the times of the rows."""
