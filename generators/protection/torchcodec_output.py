"""torchcodec, which encodes in C++ and out of reach: refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provenance.errors import OptionError

if TYPE_CHECKING:
    from generators.protection.orders import Orders


def replace(encoders: Any, orders: Orders) -> None:
    """``torchcodec.encoders.VideoEncoder`` and ``Encoder`` raise when they are made."""

    def refused(*_arguments: Any, **_named: Any) -> Any:
        raise orders.refuse(
            OptionError(
                "torchcodec encodes out of reach: what it writes cannot be marked on its way",
                hint="write with PyAV, or mark the finished file with ltx-stamp",
            )
        )

    for name in ("VideoEncoder", "Encoder"):
        if hasattr(encoders, name):
            setattr(encoders, name, refused)
