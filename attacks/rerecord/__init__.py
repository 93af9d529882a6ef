"""A phone films a screen: a simulation."""
