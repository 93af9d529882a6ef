"""A mark or credentials put where they do not belong."""
