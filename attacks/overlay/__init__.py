"""What is laid over the picture."""
