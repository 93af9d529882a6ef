"""Seccomp: system calls that reading a video never needs fail from now on.

It closes what Landlock leaves open: sockets of every kind, programs, other processes, new
namespaces, changes of files' attributes, and interfaces that go around both (io_uring). A list of
what is forbidden rather than of what is allowed, because the libraries' own calls change with every
version. Source: seccomp(2), Documentation/userspace-api/seccomp_filter.rst.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

from provenance.sandbox.kernel import PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, prctl

_MODE_FILTER = 2
_LOAD, _JUMP_EQUAL, _JUMP_ABOVE, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF_0000, 0x0005_0000, 0x8000_0000
_AT_NUMBER, _AT_MACHINE, _AT_FIRST_ARGUMENT = 0, 4, 16
_CLONE_THREAD = 0x0001_0000
_X32 = 0x4000_0000

_MACHINES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_OWN_ONLY = {"x86_64": (62, 234), "aarch64": (129, 131)}
"""kill and tgkill: allowed when they mean this process."""
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_SINCE_5 = (
    # io_uring_*, pidfd_send_signal, pidfd_open, pidfd_getfd, process_madvise, the new mount calls,
    # fchmodat2: numbered alike everywhere
    *(425, 426, 427, 424, 434, 438, 440),
    *(428, 429, 430, 431, 432, 433, 442, 452),
)
_FORBIDDEN = {
    "x86_64": (
        *(41, 42, 43, 44, 46, 49, 50, 53, 288),  # socket, connect, accept, send, bind, listen, pair
        *(57, 58, 59, 322, 101, 310, 311),  # fork, vfork, execve, execveat, ptrace, process_vm_*
        *(200, 129, 297),  # tkill, rt_sigqueueinfo, rt_tgsigqueueinfo
        *(29, 64, 68, 240),  # shmget, semget, msgget, mq_open
        *(90, 91, 92, 93, 94, 260, 268),  # chmod, chown and theirs
        *(132, 235, 261, 280, 188, 189, 190, 197, 198, 199),  # times, extended attributes
        *(155, 161, 163, 164, 165, 166, 167, 169, 227, 135),  # roots, mounts, clocks, reboot
        *(175, 176, 246, 248, 249, 250, 272, 298, 303, 304),  # modules, keys, namespaces, perf
        *(308, 313, 320, 321, 323),  # setns, finit_module, kexec, bpf, userfaultfd
    ),
    "aarch64": (
        *(198, 199, 200, 201, 202, 203, 206, 211, 242),
        *(221, 281, 117, 270, 271),
        *(130, 138, 240),
        *(194, 190, 186, 180),
        *(52, 53, 54, 55),
        *(88, 5, 6, 7, 14, 15, 16),
        *(41, 51, 89, 170, 40, 39, 224, 142, 112, 92),
        *(105, 106, 104, 217, 218, 219, 97, 241, 264, 265),
        *(268, 273, 294, 280, 282),
    ),
}


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def seccomp_available() -> bool:
    """Whether this kernel filters calls, and this machine's numbers are known here."""
    if platform.machine() not in _MACHINES:
        return False
    try:
        prctl(PR_SET_SECCOMP, _MODE_FILTER, None)
    except OSError as error:
        return error.errno == errno.EFAULT  # it looked for the filter: it would take one
    return False


def forbid() -> None:
    """Puts the filter over the calling thread and all that it starts, for good.

    Raises ``OSError``.
    """
    program = _program(platform.machine(), os.getpid())
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    given = _Program(len(program) // 8, program)
    prctl(PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(given))


def _program(machine: str, process: int) -> bytes:
    """The filter in classic BPF. A jump counts the instructions that it passes over."""
    fail, missing = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
    steps = [
        (_LOAD, 0, 0, _AT_MACHINE),
        (_JUMP_EQUAL, 1, 0, _MACHINES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _AT_NUMBER),
        # Calls of the x32 interface have other numbers for the same things.
        (_JUMP_ABOVE, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
        # The C library falls back to clone, whose flags a filter can see.
        (_JUMP_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, missing),
    ]
    for number in (*_FORBIDDEN[machine], *_SINCE_5):
        steps += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, fail)]
    for number in _OWN_ONLY[machine]:
        steps += [
            (_JUMP_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _AT_FIRST_ARGUMENT),
            (_JUMP_EQUAL, 0, 1, process),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, fail),
        ]
    steps += [
        (_JUMP_EQUAL, 0, 3, _CLONE[machine]),
        (_LOAD, 0, 0, _AT_FIRST_ARGUMENT),
        (_JUMP_BITS, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, fail),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
