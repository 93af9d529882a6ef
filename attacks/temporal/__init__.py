"""Which pictures there are, and when."""
