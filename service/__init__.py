"""Verification and generation over HTTP, on top of the other packages."""
