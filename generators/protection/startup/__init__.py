"""The folder that goes in front of ``PYTHONPATH``; nothing here is imported by name."""
