"""What happens to a video out there, as functions that can be replayed, and what survives it.

An attack is a set of drawn parameters and a pure function that applies them.
"""
