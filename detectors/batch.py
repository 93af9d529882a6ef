"""Many files, one after the other or several at a time; one bad file never stops the others."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detectors.executors import Died, Processes
from detectors.objects import fetched, is_address, object_digest
from detectors.result import Check, Failure, FileFacts, Result
from detectors.verdict import Signals, decide
from detectors.verification import verify
from provenance import __version__
from provenance.errors import EveryframeError, InputError, SandboxCrashed
from provenance.keys import CarrierKey, carrier_keys, default_keys_directory
from provenance.own_trust import own_trust
from provenance.store import open_store
from provenance.trust import TrustSettings, load_trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from detectors.executors import Executor
    from provenance.sandbox import SandboxMode


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

    def facts(self) -> dict[str, Any]:
        """What results depend on, as JSON values without secrets: not where or how fast."""
        return {
            "version": __version__,
            "keys": [[key.name, hashlib.sha256(key.secret).hexdigest()] for key in self.keys],
            "store": self.store,
            "trust": [
                [hashlib.sha256(pem).hexdigest() for pem in self.trust.anchors_pem],
                [hashlib.sha256(pem).hexdigest() for pem in self.trust.allowed_pem],
                list(self.trust.extra_ekus),
            ],
            "fast": self.fast,
            "quality": self.quality,
            "remote_hosts": sorted(self.remote_hosts),
        }


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
    """The result for a file. Where the machine or the program failed, and not the file, it is
    ``unreadable`` with that error, and ``exit_code`` ranks it.

    ``digest``: SHA-256 of the content, or an object's entity tag; "" where there was nothing.
    """

    path: str
    result: Result
    digest: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    number: int
    path: str
    settings: Settings


def verify_all(
    paths: Sequence[str],
    settings: Settings,
    *,
    jobs: int = 1,
    executor: Executor | None = None,
    ordered: bool = True,
    progress: Callable[[str, float], None] | None = None,
) -> Iterator[Outcome]:
    """An outcome for each of ``paths``, as soon as it is there, and those before it if ``ordered``.

    ``executor`` does the work, by default ``jobs`` processes, or this one where one is enough.
    ``progress`` (path, fraction of it that is done) may raise to end the run.
    """
    if not paths:
        return  # nothing to start a cluster for
    if executor is None and (jobs == 1 or len(paths) <= 1):
        for path in paths:
            yield verify_one(path, settings, progress)
        return
    tasks = [_Task(number=n, path=path, settings=settings) for n, path in enumerate(paths)]
    latest = paths[0]

    def alive() -> None:
        if progress is not None:
            progress(latest, 0.0)

    waiting: dict[int, Outcome] = {}
    following = 0
    work = (executor or Processes(jobs=min(jobs, len(paths)))).run(tasks, _verify_task, alive)
    with closing(work):
        for found in work:
            number, outcome = _died(found.task) if isinstance(found, Died) else found
            latest = outcome.path
            if not ordered:
                yield outcome
                continue
            waiting[number] = outcome
            while following in waiting:
                yield waiting.pop(following)
                following += 1


def _verify_task(task: _Task) -> tuple[int, Outcome]:
    return task.number, verify_one(task.path, task.settings)


def _died(task: _Task) -> tuple[int, Outcome]:
    error = SandboxCrashed(
        f"the process that read {task.path} died (out of memory?)",
        hint="verify it alone, with --sandbox auto",
    )
    return task.number, _failed(task.path, error, content_digest(task.path))


def verify_one(
    path: str, settings: Settings, progress: Callable[[str, float], None] | None = None
) -> Outcome:
    """The outcome for one file; nothing but an interrupt gets out of here."""
    try:
        if not is_address(path):
            result = _verified(path, path, settings, progress)
            return Outcome(path=path, result=result, digest=_digest_in(result))
        with fetched(path) as copy:
            result = _verified(str(copy.path), path, settings, progress)
            return Outcome(path=path, result=_renamed(result, copy.path, path), digest=copy.digest)
    except InputError as error:
        # What cannot even be fetched is, like a file that is not there, its own fault.
        return replace(_failed(path, error, ""), exit_code=0)
    except EveryframeError as error:
        return _failed(path, error, content_digest(path))
    except Exception as error:
        if os.environ.get("LTX_DEBUG"):
            raise
        failure = EveryframeError(
            f"internal error: {path}: {type(error).__name__}: {error}",
            hint="this is a fault of the program; LTX_DEBUG=1 shows where",
        )
        return _failed(path, failure, content_digest(path))


def content_digest(path: str) -> str:
    """SHA-256 in hex of a file, the entity tag of an object; "" where there is nothing to read."""
    if is_address(path):
        return object_digest(path)
    try:
        # A pipe would never end, and is no content that could be looked at again.
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return ""
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return ""


def _digest_in(result: Result) -> str:
    return result.file.sha256 or content_digest(result.file.path)


def _verified(
    file: str, path: str, settings: Settings, progress: Callable[[str, float], None] | None
) -> Result:
    told = None if progress is None else lambda done: progress(path, done)
    if settings.sandbox != "off":
        from detectors.confined import Look, verify_confined
        from provenance.sandbox import prepare_sandbox

        # Once a process: every file's own process is then forked with all of this loaded.
        prepare_sandbox(("detectors.confined",))
        look = Look(
            keys=settings.keys,
            trust=settings.trust,
            fast=settings.fast,
            quality=settings.quality,
            storyboard=settings.storyboard,
        )
        return verify_confined(
            file, look, store=settings.store, mode=settings.sandbox, progress=told
        )
    return verify(
        file,
        keys=settings.keys,
        store=settings.store,
        trust=settings.trust,
        fast=settings.fast,
        quality=settings.quality,
        storyboard=settings.storyboard,
        remote_hosts=settings.remote_hosts,
        progress=told,
    )


def _renamed(result: Result, copy: Path, address: str) -> Result:
    """The result of a copy as that of the object at ``address``."""
    error = result.error
    if error is not None:
        error = replace(error, message=error.message.replace(str(copy), address))
    checks = tuple(
        replace(check, detail=check.detail.replace(str(copy), address)) for check in result.checks
    )
    name = address.rpartition("/")[2] or address
    file = replace(result.file, path=address, name=name)
    return replace(result, file=file, error=error, checks=checks)


def _failed(path: str, error: EveryframeError, digest: str) -> Outcome:
    verdict = decide(Signals(readable=False))
    result = Result(
        file=FileFacts(name=Path(path).name, path=path),
        verdict=verdict.name,
        reasons=verdict.reasons,
        error=Failure(code=error.code, message=error.message, hint=error.hint),
        checks=(Check(name="watermark", state="failed", detail=error.message),),
    )
    return Outcome(path=path, result=result, digest=digest, exit_code=error.exit_code)
