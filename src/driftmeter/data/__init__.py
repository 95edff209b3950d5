"""Data from frames and files: columns of plain values, their kinds, and the times of the rows."""
