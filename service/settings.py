"""What an operator can choose. Flag > environment ``LTX_SERVICE_*`` > ``[service]`` > default.

The commands declare these as options (:mod:`service.options`); here is what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

SandboxMode: TypeAlias = Literal["auto", "required", "off"]
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is taken at once.

    ``upload_bytes``: of one file. ``uploads``: bodies that arrive at the same time. ``waiting``:
    scans not yet finished, beyond which new ones are turned away. ``idle_s``: the longest silence
    of a client that sends; ``upload_s``: the longest time for a whole body; ``least_bytes_s``: what
    must have come on average once ``idle_s`` are over, or few clients that send a byte now and then
    would hold all places. ``head_s``: for the head of a request, and between requests. ``wait_s``:
    the longest ``Prefer: wait``.
    """

    upload_bytes: int = 512 * MIB
    uploads: int = 256
    waiting: int = 10_000
    idle_s: float = 30.0
    upload_s: float = 3600.0
    least_bytes_s: int = 1024
    head_s: int = 15
    wait_s: float = 60.0
    json_bytes: int = 64 * 1024
    tus_days: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """How a file is scanned, in a worker.

    ``wall_s`` and ``memory_bytes``: a scan that needs more ends in ``review``. ``attempts``: how
    often a scan that takes its worker down is tried. ``keys``, ``store``, ``trust_settings``,
    ``trust_anchors``, ``default_trust``: as for ``ltx-verify``. ``policy``: a policy file, None for
    the built-in one.
    """

    sandbox: SandboxMode = "auto"
    wall_s: float = 600.0
    memory_bytes: int = 2048 * MIB
    attempts: int = 3
    lease_s: float = 30.0
    keys: str | None = None
    store: str | None = None
    trust_settings: tuple[str, ...] = ()
    trust_anchors: tuple[str, ...] = ()
    default_trust: bool = True
    policy: Path | None = None
    receipts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """How clips are made, in the server.

    ``bundles``: folders of weights (or names of models that come with the package), beside those
    that come with the package anyway. ``device``: None for a GPU where there is one. ``at_once``:
    clips made at a time; ``waiting``: clips that wait, beyond which more are turned away.
    ``largest`` (width, height) and ``longest_s``: what is wished beyond is made smaller, and the
    answer says so; None: what the model can do. ``wall_s``: after which a clip is given up.
    ``stall_s``: how long a reader of a stream may take nothing. ``hours``: how long clips are
    kept; ``link_hours``: how long an address of one can be used without a key. ``storage``: where
    clips lie, if not in the data folder.
    """

    bundles: tuple[str, ...] = ()
    device: str | None = None
    at_once: int = 1
    waiting: int = 8
    largest: tuple[int, int] | None = None
    longest_s: float | None = None
    wall_s: float = 900.0
    stall_s: float = 30.0
    hours: float = 24.0
    link_hours: float = 24.0
    storage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``data``: the service's own folder; ``database`` and ``storage``: where else, if not there.

    ``object_stores``: prefixes of addresses that may be scanned by reference.
    ``private_targets``: webhooks may go to private addresses (for tests, and closed networks).
    ``resolver``: whether manifests are resolved at ``/c2pa``.
    ``public``: the name of a tenant that needs no key, and has the web page; None: everybody needs
    a key, and there is no page. Then ``visitor_per_minute``: scans of one visitor (requests that
    only read: ten times as many); ``public_hours``: how long results are kept; ``links``: whether
    addresses may be given for files, and are fetched.
    ``drain_s``: how long a server that is told to end still answers, no longer ready, so that what
    stands before it notices. ``trusted_proxies``: whose word on a client's address counts.
    ``open_metrics``: /metrics needs no key.
    """

    data: Path = Path("ltx-service")
    database: str | None = None
    storage: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    object_stores: tuple[str, ...] = ()
    private_targets: bool = False
    resolver: bool = False
    public: str | None = None
    visitor_per_minute: int = 20
    public_hours: float = 24.0
    links: bool = False
    drain_s: float = 2.0
    trusted_proxies: tuple[str, ...] = ("127.0.0.1",)
    open_metrics: bool = False
    depth: Literal["early", "full"] = "early"
    bounds: Bounds = field(default_factory=Bounds)
    scan: ScanSettings = field(default_factory=ScanSettings)
    generation: GenerationSettings = field(default_factory=GenerationSettings)

    @property
    def database_address(self) -> str:
        return self.database or str(self.data / "service.sqlite")

    @property
    def storage_address(self) -> str:
        return self.storage or str(self.data / "uploads")

    @property
    def clips_address(self) -> str:
        return self.generation.storage or str(self.data / "clips")

    @property
    def making(self) -> Path:
        """Where clips are made; on the same disk as the clips, so that keeping one is a rename."""
        return self.data / "making"

    @property
    def incoming(self) -> Path:
        """Where bodies arrive; on the same disk as the uploads, so that keeping one is a rename."""
        return self.data / "incoming"
