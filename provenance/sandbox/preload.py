"""Loaded into the sandbox's server before anything is forked off it.

PyAV imports parts of itself at the first use, which would be after the files are closed off; so one
tiny clip is decoded here. The error correction's code is made once here, and not in every fork.
"""

from provenance.fec import construct
from provenance.video.warmup import warm_up

warm_up()
construct()
