"""Loaded into the sandbox's server last, before anything is forked off it.

PyAV imports parts of itself at the first use, which would be after the files are closed off; so one
tiny clip is decoded here. The error correction's code is made, and the libraries' places are looked
up, once here and not in every fork.
"""

import gc
from multiprocessing import spawn

import cv2

from provenance.fec import construct
from provenance.heap import give_back_what_is_freed
from provenance.sandbox.child import libraries
from provenance.video.warmup import warm_up

# A fork would first run its parent's main module anew, a command that imports much and then does
# nothing: what is asked of a fork is in modules of its own, and these are loaded.
for _fixup in ("_fixup_main_from_path", "_fixup_main_from_name"):
    setattr(spawn, _fixup, lambda _: None)
# Files are worked on side by side: threads within one would take the cores from the others.
cv2.setNumThreads(1)
warm_up()
construct()
libraries()
# What a fork writes to is copied for it. Collecting garbage writes to every object, unless they are
# frozen; and what was freed here would be copied in small pages where fresh memory is large.
gc.collect()
gc.freeze()
give_back_what_is_freed()
