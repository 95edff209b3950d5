"""Event time: slices per source, how they close, what they look like on the wire, and windows over them."""
