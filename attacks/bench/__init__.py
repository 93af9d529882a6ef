"""The evaluation: what is planned, computed, kept and reported."""
