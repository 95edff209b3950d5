"""The page: what a browser is shown, as data, and the files that draw it."""
