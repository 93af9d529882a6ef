"""How much confinement this machine gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from provenance.errors import SandboxUnavailable
from provenance.sandbox.landlock import landlock_version
from provenance.sandbox.seccomp import seccomp_available

SandboxMode: TypeAlias = Literal["auto", "required", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLevel:
    """``landlock``: version of the kernel's interface, 0: none. ``seccomp``: calls are filtered."""

    landlock: int
    seccomp: bool

    @property
    def complete(self) -> bool:
        """Neither files nor network: Landlock for the one, the filter for both kinds of socket."""
        return self.landlock > 0 and self.seccomp

    def describe(self) -> str:
        files = f"Landlock {self.landlock}" if self.landlock else "files are open (no Landlock)"
        calls = "calls filtered" if self.seccomp else "network is open (no seccomp)"
        return f"{files}, {calls}, time and memory bounded"


def available_level() -> SandboxLevel:
    return SandboxLevel(landlock=landlock_version(), seccomp=seccomp_available())


def chosen_level(mode: SandboxMode) -> SandboxLevel:
    """What ``mode`` means here: "off" leaves the bounds on time and memory alone.

    Raises :class:`~provenance.errors.SandboxUnavailable` where "required" cannot be met.
    """
    if mode == "off":
        return SandboxLevel(landlock=0, seccomp=False)
    level = available_level()
    if mode == "required" and not level.complete:
        raise SandboxUnavailable(
            f"the sandbox is required, and this machine gives only: {level.describe()}",
            hint="use Linux 5.13 or newer with Landlock on, or choose --sandbox auto",
        )
    return level
