"""Every error that everyframe raises on purpose, in one tree.

::

    EveryframeError                 code             exit
    ├── InputError                                     3  the input cannot be used
    │   ├── InputMissing            input.missing
    │   ├── InputForbidden          input.forbidden
    │   ├── InputEmpty              input.empty
    │   ├── UnsupportedMedia        media.unsupported     text, image, playlist…
    │   ├── UnreadableMedia         media.unreadable      truncated, damaged, undecodable
    │   ├── NoVideo                 media.no_video        sound only, or no frame at all
    │   ├── MediaTooLarge           media.too_large       pixels, duration, frames, streams…
    │   ├── MediaTooSmall           media.too_small       no room for a mark
    │   └── MediaTooShort           media.too_short       not long enough for what was asked
    ├── UsageError                                     2  what was asked for makes no sense
    │   ├── OptionError             option.invalid
    │   ├── UnknownModel            model.unknown
    │   ├── UnknownName             name.unknown          an attack, suite or system
    │   ├── PackageMissing          package.missing       an optional package is not installed
    │   ├── RunMismatch             run.mismatch          a folder holds another evaluation
    │   ├── WeightsMissing          weights.missing       no trained weights under that name
    │   ├── DeviceMissing           device.missing        no such GPU here
    │   ├── DeviceFull              device.full           does not fit the memory
    │   ├── FrameError              frames.invalid        wrong shape, type or order
    │   ├── OutputIsInput           output.is_input
    │   ├── OutputForbidden         output.forbidden      no such folder, no permission
    │   └── AlreadyMarked           mark.present          with --if-marked refuse
    ├── IdentityError               identity.invalid   2  keys or certificates unusable
    ├── ManifestError               manifest.invalid   4  signing failed or does not verify
    ├── FetchRefused                fetch.refused      3  an address may not or cannot be read
    ├── StoreError                  store.unavailable  4  cannot be opened, or damaged
    ├── SandboxError                sandbox.failed     4  work on an untrusted file was cut short
    │   ├── SandboxTimeout          sandbox.timeout       it took too long
    │   ├── SandboxMemory           sandbox.memory        it needed too much memory
    │   ├── SandboxCrashed          sandbox.crashed       it took its process down
    │   └── SandboxUnavailable      sandbox.unavailable   required, and not to be had here
    └── OutputError                 output.failed      4  writing failed, nothing left behind
        └── DiskFull                output.disk_full

``code`` never changes once released; messages and hints may. ``exit_code`` is what the commands
return: 1 (a policy not met, a mark not read back) is a result, not an error, so no class has it.
"""

from __future__ import annotations

import errno
from typing import ClassVar, Final

from provenance.printable import printable


class EveryframeError(Exception):
    """Base of all: ``message`` says what and where, ``hint`` says what to do about it."""

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def diagnostics(self) -> str:
        """The text a person reads: one line of what happened, one of what to do, and the code."""
        # Messages name files, and the names of files come from anywhere.
        lines = [f"{printable(self.message)} [{self.code}]"]
        if self.hint:
            lines.append(f"  hint: {printable(self.hint)}")
        return "\n".join(lines)


class InputError(EveryframeError):
    code = "input.invalid"
    exit_code = 3


class InputMissing(InputError):
    code = "input.missing"


class InputForbidden(InputError):
    code = "input.forbidden"


class InputEmpty(InputError):
    code = "input.empty"


class UnsupportedMedia(InputError):
    code = "media.unsupported"


class UnreadableMedia(InputError):
    code = "media.unreadable"


class NoVideo(InputError):
    code = "media.no_video"


class MediaTooLarge(InputError):
    code = "media.too_large"


class MediaTooSmall(InputError):
    code = "media.too_small"


class MediaTooShort(InputError):
    code = "media.too_short"


class UsageError(EveryframeError):
    code = "usage.invalid"
    exit_code = 2


class OptionError(UsageError):
    code = "option.invalid"


class UnknownModel(UsageError):
    code = "model.unknown"


class UnknownName(UsageError):
    code = "name.unknown"


class PackageMissing(UsageError):
    code = "package.missing"


class RunMismatch(UsageError):
    code = "run.mismatch"


class WeightsMissing(UsageError):
    code = "weights.missing"


class DeviceMissing(UsageError):
    code = "device.missing"


class DeviceFull(UsageError):
    code = "device.full"


class FrameError(UsageError):
    code = "frames.invalid"


class OutputIsInput(UsageError):
    code = "output.is_input"


class OutputForbidden(UsageError):
    code = "output.forbidden"


class AlreadyMarked(UsageError):
    code = "mark.present"


class IdentityError(EveryframeError):
    code = "identity.invalid"
    exit_code = 2


class ManifestError(EveryframeError):
    code = "manifest.invalid"


class FetchRefused(EveryframeError):
    """``status``: of the answer, where there was one."""

    code = "fetch.refused"
    exit_code = 3
    status: int | None = None


class StoreError(EveryframeError):
    code = "store.unavailable"


class SandboxError(EveryframeError):
    code = "sandbox.failed"


class SandboxTimeout(SandboxError):
    code = "sandbox.timeout"


class SandboxMemory(SandboxError):
    code = "sandbox.memory"


class SandboxCrashed(SandboxError):
    code = "sandbox.crashed"


class SandboxUnavailable(SandboxError):
    code = "sandbox.unavailable"


class OutputError(EveryframeError):
    code = "output.failed"


class DiskFull(OutputError):
    code = "output.disk_full"


DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""How the system says what :class:`DiskFull` says."""
