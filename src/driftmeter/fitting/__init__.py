"""Everything that makes a profile: of a frame, of live traffic, and how much either varies."""
