"""Runs in every Python that a command under ``ltx-protect`` starts, before its own code does."""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  pathlib costs a start


def _begin() -> None:
    try:
        from generators.protection.installing import install

        install()
    except BaseException as error:  # noqa: BLE001  whatever it is: the program must not run then
        sys.stderr.write(
            f"ltx-protect: {sys.executable} cannot protect: {error}\n"
            "  hint: everyframe has to be installed in the environment of the command, and what it "
            "starts must end before ltx-protect does\n"
        )
        sys.stderr.flush()
        os._exit(2)


def _go_on() -> None:
    """The sitecustomize that stands behind this one, as if this one were not there."""
    path = [*sys.path]
    sys.path[:] = [place for place in path if os.path.abspath(place or ".") != _HERE]  # noqa: PTH100
    mine = sys.modules.pop("sitecustomize", None)
    try:
        __import__("sitecustomize")
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        if mine is not None:
            sys.modules["sitecustomize"] = mine
    finally:
        sys.path[:] = path


if os.environ.get("EVERYFRAME_PROTECT"):
    _begin()
_go_on()
