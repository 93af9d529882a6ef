"""One file from its bytes to its answer, in the sandbox."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from detectors import to_json
from detectors.batch import Settings as VerifySettings
from detectors.confined import NOWHERE, AskedStore, listed_marks, packed_manifest
from detectors.receipt import sign_record
from detectors.result import VerdictName
from detectors.verification import verify
from provenance.errors import IdentityError, SandboxCrashed
from provenance.keys import default_keys_directory, load_identity
from provenance.sandbox import SandboxLimits, prepare_sandbox, run_confined
from provenance.sandbox.level import chosen_level
from provenance.store import EmptyStore, default_store_path, open_store
from service.decision import open_policy, signals_of
from service.impersonal import impersonal
from service.scans import Action, Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from detectors.policy import Policy
    from provenance.keys import CarrierKey, Identity
    from provenance.sandbox import Ask
    from provenance.trust import TrustSettings
    from service.settings import ScanSettings

LOG = logging.getLogger("service.scanning")
_TELL_S = 0.25
_NAME = "upload"
"""What a file is called in results: what its sender called it is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What travels into the sandbox beside the file. ``recovers``: there is a store to ask."""

    keys: tuple[CarrierKey, ...]
    trust: TrustSettings
    policy: Policy
    fast: bool
    recovers: bool


class Scanner:
    """Reads keys, trust and policies once. Make it early: it starts the sandbox's server.

    Raises what :meth:`detectors.batch.Settings.load` and :func:`service.decision.open_policy` do.
    """

    def __init__(self, settings: ScanSettings, *, clock: Callable[[], float] = time.time) -> None:
        prepare_sandbox((__name__,))
        self._settings = settings
        self._verify = VerifySettings.load(
            keys=settings.keys,
            store=settings.store,
            trust_settings=settings.trust_settings,
            trust_anchors=settings.trust_anchors,
            default_trust=settings.default_trust,
            fast=False,
        )
        self._policies: dict[str | None, Policy] = {None: open_policy(settings.policy)}
        self._identity = _identity(settings)
        self._clock = clock
        self._store = settings.store or str(default_store_path(os.environ))
        self._limits = SandboxLimits(
            wall_s=settings.wall_s,
            cpu_s=2 * int(settings.wall_s),
            memory_bytes=settings.memory_bytes,
        )

    def scan(
        self,
        descriptor: int,
        *,
        fast: bool,
        policy: str | None,
        progress: Callable[[float], None],
        sha256: str | None = None,
        public: bool = False,
    ) -> Answer:
        """The answer for the open file. ``policy``: a tenant's own file, None for the common one.
        ``sha256``: of the file, where it was hashed when it came. ``public``: anybody may see it,
        so that it must tell of nobody.

        Raises :class:`~provenance.errors.SandboxError` and, for a store or policy that cannot be
        used, other :class:`~provenance.errors.EveryframeError`.
        """
        if policy not in self._policies:
            assert policy is not None
            self._policies[policy] = open_policy(Path(policy))
        with open_store(self._store, create=False) as store:
            recovers = not isinstance(store, EmptyStore)
            task = Task(
                keys=self._verify.keys,
                trust=self._verify.trust,
                policy=self._policies[policy],
                fast=fast,
                recovers=recovers,
            )
            found = run_confined(
                scan_confined,
                (task,),
                limits=self._limits,
                files={"path": descriptor},
                handlers={
                    "progress": lambda fraction: progress(min(max(float(fraction), 0.0), 1.0)),
                    "manifest": lambda content_id: packed_manifest(store.get(str(content_id))),
                    "marks": lambda limit: listed_marks(store, limit),
                },
                mode=self._settings.sandbox,
            )
        answer = _checked(found, sha256 or _sha256(descriptor))
        if public:
            record = impersonal(answer.document["result"])
            shown = {**answer.document, "result": record, "signals": signals_of(record)}
            answer = replace(answer, document=shown)
        return replace(answer, document={**answer.document, "receipt": self._receipt(answer)})

    def _receipt(self, answer: Answer) -> str | None:
        record = answer.document["result"]
        if self._identity is None or record["file"]["sha256"] is None:
            return None
        now = datetime.fromtimestamp(self._clock(), UTC)
        return sign_record(record, self._identity, now=now)


def scan_confined(task: Task, *, path: Path, ask: Ask) -> dict[str, Any]:
    """In the sandbox: verifies the file and asks the policy.

    The policy is asked here and not outside because that needs the whole result, and whoever could
    change the decision here could as well have changed the result.
    """
    result = verify(
        path,
        keys=task.keys,
        store=AskedStore(ask) if task.recovers else NOWHERE,
        trust=task.trust,
        fast=task.fast,
        progress=_now_and_then(lambda fraction: ask("progress", fraction)),
    )
    judged = replace(result, decision=task.policy.decide(result))
    # The path is one of our own; messages that hold it should name what the client knows.
    record = json.loads(to_json(judged).replace(str(path), _NAME))
    record["file"].update(name=_NAME, path=_NAME)
    return {"result": record, "signals": signals_of(record)}


def _now_and_then(report: Callable[[float], object]) -> Callable[[float], None]:
    """Whoever is told writes it down once a second, and each telling wakes another process."""
    told_at = time.monotonic()

    def progress(fraction: float) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _TELL_S:
            told_at = time.monotonic()
            report(fraction)

    return progress


def _identity(settings: ScanSettings) -> Identity | None:
    """Who signs receipts; nobody where there are no keys to sign with."""
    directory = Path(settings.keys) if settings.keys else default_keys_directory(os.environ)
    try:
        return load_identity(directory) if settings.receipts else None
    except IdentityError as error:
        LOG.warning("results get no signed receipts: %s", error.message)
        return None


def _sha256(descriptor: int) -> str:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(found: Any, sha256: str) -> Answer:
    """What came out of the sandbox, with what the service relies on looked at. ``sha256``: of the
    file, so that no result is put down to another one's bytes.

    Raises :class:`~provenance.errors.SandboxCrashed` when it is not what was asked for.
    """
    try:
        verdict, action = found["result"]["verdict"], found["result"]["decision"]["action"]
        known = verdict in get_args(VerdictName) and action in get_args(Action)
        known &= found["result"]["file"]["sha256"] in {None, sha256}
        document = {
            "signals": [dict(signal) for signal in found["signals"]],
            "decision": dict(found["result"]["decision"]),
            "error": found["result"]["error"],
            "result": dict(found["result"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise SandboxCrashed("the sandbox sent no proper result") from error
    if not known:
        raise SandboxCrashed("the sandbox sent no proper result")
    return Answer(verdict=verdict, action=action, document=document)


def check_scan_settings(settings: ScanSettings) -> None:
    """Raises for keys, trust, store, policy or a sandbox that no scan could use."""
    chosen_level(settings.sandbox)
    open_policy(settings.policy)
    VerifySettings.load(
        keys=settings.keys,
        store=settings.store,
        trust_settings=settings.trust_settings,
        trust_anchors=settings.trust_anchors,
        default_trust=settings.default_trust,
        fast=False,
    )
