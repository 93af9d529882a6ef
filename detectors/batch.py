"""Many files, one after the other or several at a time; one bad file never stops the others."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from detectors.verification import verify
from provenance.errors import EveryframeError
from provenance.keys import CarrierKey, carrier_keys, default_keys_directory
from provenance.own_trust import own_trust
from provenance.store import open_store
from provenance.trust import TrustSettings, load_trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from detectors.result import Result
    from provenance.sandbox import SandboxMode

INTERNAL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every file of a run is verified with. It travels to worker processes.

    ``store``: a path or address, None for the default where there is one. ``storyboard``: whether
    results get small pictures for a report. ``remote_hosts``: from whom manifests may be fetched.
    ``sandbox``: "off" reads files in this very process.
    """

    keys: tuple[CarrierKey, ...]
    store: str | None
    trust: TrustSettings
    fast: bool
    quality: bool = False
    storyboard: bool = False
    sandbox: SandboxMode = "off"
    remote_hosts: tuple[str, ...] = ()

    @classmethod
    def load(
        cls,
        *,
        keys: str | None,
        store: str | None,
        trust_settings: Sequence[str],
        trust_anchors: Sequence[str],
        default_trust: bool,
        fast: bool,
        quality: bool = False,
        storyboard: bool = False,
        sandbox: SandboxMode = "off",
        remote_hosts: Sequence[str] = (),
    ) -> Settings:
        """Reads keys and trust once and tries the store, so that faults end a run before it starts.

        Raises :class:`~provenance.errors.IdentityError`, :class:`~provenance.errors.StoreError`,
        :class:`~provenance.errors.OptionError` or :class:`~provenance.errors.InputError`.
        """
        directory = Path(keys) if keys else default_keys_directory(os.environ)
        trust = trust_of_run(keys, trust_settings, trust_anchors, default_trust=default_trust)
        if store is not None:
            with open_store(store, create=False):
                pass
        return cls(
            keys=carrier_keys(directory),
            store=store,
            trust=trust,
            fast=fast,
            quality=quality,
            storyboard=storyboard,
            sandbox=sandbox,
            remote_hosts=tuple(remote_hosts),
        )


def trust_of_run(
    keys: str | None,
    trust_settings: Sequence[str],
    trust_anchors: Sequence[str],
    *,
    default_trust: bool,
) -> TrustSettings:
    """Whom a run trusts: who is named, and by default the identity in the keys directory.

    Raises :class:`~provenance.errors.OptionError` or :class:`~provenance.errors.InputError`.
    """
    trust = load_trust(
        settings_files=[Path(file) for file in trust_settings],
        anchor_files=[Path(file) for file in trust_anchors],
    )
    directory = Path(keys) if keys else default_keys_directory(os.environ)
    return own_trust(directory, trust) if default_trust else trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result for a file, or why there is none: ``error`` says it, ``exit_code`` ranks it."""

    path: str
    result: Result | None
    error: str = ""
    exit_code: int = 0


def verify_all(
    paths: Sequence[str],
    settings: Settings,
    *,
    jobs: int = 1,
    progress: Callable[[str, float], None] | None = None,
) -> Iterator[Outcome]:
    """An outcome for each of ``paths``, in order, as soon as it and those before it are there.

    ``jobs`` processes share the work; ``progress`` (path, fraction done) is told with one job only.
    """
    if jobs == 1 or len(paths) == 1:
        for path in paths:
            yield verify_one(path, settings, progress)
        return
    # Fresh interpreters: native contexts and threads do not survive a fork.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(paths)), mp_context=spawn) as pool:
        futures = [(path, pool.submit(verify_one, path, settings)) for path in paths]
        for path, future in futures:
            try:
                yield future.result()
            except BrokenProcessPool:
                # One file took a worker down, and the pool with it: each of the rest gets a
                # process of its own, so that only the one that does it suffers.
                yield _alone(path, settings)


def verify_one(
    path: str, settings: Settings, progress: Callable[[str, float], None] | None = None
) -> Outcome:
    """The outcome for one file; nothing but an interrupt gets out of here."""
    try:
        if settings.sandbox != "off":
            return Outcome(path=path, result=_confined(path, settings, progress))
        result = verify(
            path,
            keys=settings.keys,
            store=settings.store,
            trust=settings.trust,
            fast=settings.fast,
            quality=settings.quality,
            storyboard=settings.storyboard,
            remote_hosts=settings.remote_hosts,
            progress=None if progress is None else lambda done: progress(path, done),
        )
    except EveryframeError as error:
        return Outcome(path=path, result=None, error=error.diagnostics(), exit_code=error.exit_code)
    except Exception as error:
        if os.environ.get("LTX_DEBUG"):
            raise
        message = f"internal error: {type(error).__name__}: {error} [internal]"
        return Outcome(path=path, result=None, error=message, exit_code=INTERNAL)
    return Outcome(path=path, result=result)


def _confined(
    path: str, settings: Settings, progress: Callable[[str, float], None] | None
) -> Result:
    from detectors.confined import Look, verify_confined

    look = Look(
        keys=settings.keys,
        trust=settings.trust,
        fast=settings.fast,
        quality=settings.quality,
        storyboard=settings.storyboard,
    )
    return verify_confined(
        path,
        look,
        store=settings.store,
        mode=settings.sandbox,
        progress=None if progress is None else lambda done: progress(path, done),
    )


def _alone(path: str, settings: Settings) -> Outcome:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        try:
            return pool.submit(verify_one, path, settings).result()
        except BrokenProcessPool:
            message = "internal error: the process that read it died (out of memory?) [internal]"
            return Outcome(path=path, result=None, error=message, exit_code=INTERNAL)
