"""Generators of video: a text in, :class:`provenance.clip.Chunk` after chunk out, never a path.

A generator hands its frames to :class:`provenance.ProvenanceWriter`, which alone writes files, so
that no generated frame leaves without its mark and its credentials.
"""
