"""A model on disk: a JSON description and the files of weights that it names, with checksums.

A *name* such as ``ltx-2.3`` is a description that comes with the package; a *folder* has its own,
``model.json``, and needs nothing else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

from provenance.errors import EveryframeError, UnknownModel, UnreadableMedia, WeightsMissing
from provenance.payload import model_by_key

SCHEMA = "everyframe.model/1"
DESCRIPTION = "model.json"
Part = Literal["dit", "video_codec", "audio_codec", "superres"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """``path``, and what its content has to be."""

    path: Path
    sha256: str
    bytes: int

    def check(self) -> None:
        """Raises :class:`WeightsMissing` or :class:`UnreadableMedia` for a file that is not it."""
        if not self.path.is_file():
            raise WeightsMissing(
                f"{self.path} is missing", hint="bring the weights again with ltx-download"
            )
        if self.path.stat().st_size != self.bytes or _sha256(self.path) != self.sha256:
            raise UnreadableMedia(
                f"{self.path} is not what its description says: wrong checksum",
                hint="it is damaged or was changed: bring the weights again with ltx-download",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A described model: ``model`` is the name that the mark gives it, ``size`` the shape of the
    transformer, ``vocabulary`` the words it was taught, ``sampling`` settings that suit it.
    """

    source: Path
    model: str
    about: str
    trained: bool
    size: dict[str, Any]
    vocabulary: frozenset[str]
    sampling: dict[str, Any]
    files: dict[Part, WeightFile]


def open_bundle(name_or_folder: str) -> Bundle:
    """The model under a name or in a folder, with its checksums verified.

    Raises :class:`~provenance.errors.UnknownModel` for a name that nobody knows,
    :class:`WeightsMissing` where there are no weights, :class:`UnreadableMedia` where they are
    damaged.
    """
    bundle = read_bundle(find_description(name_or_folder))
    for file in bundle.files.values():
        file.check()
    return bundle


def find_description(name_or_folder: str) -> Path:
    """Where the description of a model lies; raises as :func:`open_bundle`."""
    folder = Path(name_or_folder)
    if folder.is_dir():
        if not (folder / DESCRIPTION).is_file():
            raise WeightsMissing(
                f"{folder} holds no {DESCRIPTION}",
                hint="name a folder that ltx-download filled, or a model that comes with us",
            )
        return folder / DESCRIPTION
    if "/" in name_or_folder or name_or_folder.startswith("."):
        raise WeightsMissing(
            f"{folder} is not a folder", hint="fill it with ltx-download --output, or name a model"
        )
    try:
        key = model_by_key(name_or_folder).key
    except UnknownModel as error:
        error.hint = f"models that come with us: {', '.join(bundled_models())}"
        raise
    path = _package_folder() / f"{key}.json"
    if not path.is_file():
        raise WeightsMissing(
            f"no trained weights of {key} come with this version",
            hint="give --model the folder of weights of your own",
        )
    return path


def bundled_models() -> list[str]:
    """The models whose weights come with the package."""
    return sorted(path.stem for path in _package_folder().glob("*.json"))


def read_bundle(path: Path) -> Bundle:
    """A description; raises :class:`UnreadableMedia` for one that cannot be understood."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        files = {part: _weight_file(path, about) for part, about in document["files"].items()}
        known = document["schema"] == SCHEMA and set(files) <= set(get_args(Part))
        if not known:
            _refuse(path, "of another version")
        return Bundle(
            source=path,
            model=model_by_key(document["model"]).key,
            about=str(document["about"]),
            trained=document["trained"] is True,
            size=document["size"],
            vocabulary=frozenset(document["vocabulary"]),
            sampling=dict(document.get("sampling", {})),
            files=files,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EveryframeError) as error:
        if isinstance(error, UnreadableMedia):
            raise
        _refuse(path, repr(error), error)


def write_bundle(
    path: Path,
    *,
    model: str,
    about: str,
    trained: bool,
    size: dict[str, Any],
    vocabulary: frozenset[str],
    files: dict[Part, Path],
    sampling: dict[str, Any] | None = None,
) -> None:
    """Describe weights that lie in the folder of ``path``."""
    document = {
        "schema": SCHEMA,
        "model": model,
        "about": about,
        "trained": trained,
        "size": size,
        "sampling": sampling or {},
        "files": {
            part: {"file": file.name, "sha256": _sha256(file), "bytes": file.stat().st_size}
            for part, file in files.items()
        },
        "vocabulary": sorted(vocabulary),
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _weight_file(description: Path, about: dict[str, Any]) -> WeightFile:
    if Path(about["file"]).name != about["file"]:
        _refuse(description, f"it names {about['file']!r}, elsewhere")
    return WeightFile(
        path=description.parent / about["file"], sha256=about["sha256"], bytes=about["bytes"]
    )


def _refuse(path: Path, why: str, cause: BaseException | None = None) -> NoReturn:
    raise UnreadableMedia(
        f"{path} does not describe a model: {why}", hint="it is damaged or of another version"
    ) from cause


def _package_folder() -> Path:
    return Path(str(resources.files("generators"))) / "weights"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
