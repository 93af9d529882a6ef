"""Opening a file that somebody named: a regular one, and nothing that could wait or act."""

from __future__ import annotations

import io
import os
import stat
from typing import TYPE_CHECKING

from provenance.errors import InputForbidden, InputMissing, UnsupportedMedia

if TYPE_CHECKING:
    from pathlib import Path


def open_regular(path: Path) -> io.FileIO:
    """``path`` opened for reading bytes, unbuffered; a link is followed.

    Raises :class:`InputMissing`, :class:`InputForbidden` or, for folders, pipes, sockets and
    devices, :class:`UnsupportedMedia`.
    """
    try:
        # Without O_NONBLOCK a named pipe would hang here until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputMissing(
            f"{path} does not exist", hint="check the name and the folder"
        ) from error
    except OSError as error:
        message = f"{path} cannot be opened: {error.strerror}"
        raise InputForbidden(message, hint="check its permissions") from error
    except ValueError as error:  # a zero byte in the name
        raise InputMissing(f"{str(path)!r} is not a file name", hint="check the name") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnsupportedMedia(f"{path} is not a regular file", hint="give the path of a file")
    return io.FileIO(descriptor, "rb")
