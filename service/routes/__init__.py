"""The addresses of API v1, a room for each kind of thing."""
