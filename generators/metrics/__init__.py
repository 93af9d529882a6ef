"""Measures of generated video and sound, made before any model: each one fails on spoiled input."""
