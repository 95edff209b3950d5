"""The documents behind the page: what they need from the store is read once, and kept in bounds."""
