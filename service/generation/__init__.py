"""Clips over HTTP: made on request, marked and signed, kept for a while, streamed while made."""
