"""What happens to the sound alone."""
