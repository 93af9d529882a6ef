"""Watermarks under test, behind one Protocol: ours and those of others."""
