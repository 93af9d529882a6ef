"""Loaded into the sandbox's server before anything is forked off it.

PyAV imports parts of itself at the first use, which would be after the files are closed off; so one
tiny clip is decoded here.
"""

from provenance.video.warmup import warm_up

warm_up()
