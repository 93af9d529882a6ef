"""Work on untrusted files in a process that can reach nothing else.

A file out of the world is opened by parsers written in C and Rust. Should one of them be taken
over, it finds itself in a process without files, network or programs, that ends in time.
"""

from provenance.sandbox.level import SandboxLevel, SandboxMode, available_level
from provenance.sandbox.limits import SandboxLimits
from provenance.sandbox.running import Ask, prepare_sandbox, run_confined

__all__ = [
    "Ask",
    "SandboxLevel",
    "SandboxLimits",
    "SandboxMode",
    "available_level",
    "prepare_sandbox",
    "run_confined",
]
