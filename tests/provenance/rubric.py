# ruff: noqa: SIM905 words are easier to compare with the rubric as it stands
"""The checks of the C2PA conformance programme's asset rubric 0.2 for specification 2.4.

Written from the rubric of the C2PA Conformance Task Force (31 March 2026, version 0.1.1), which the
official conformance tool evaluates on crJSON. Each check has its official name and gives what is
wrong with the active manifest; an empty list means that it is met.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import c2pa

from provenance.trust import TrustSettings, open_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SPEC = ("2", "4")
INCEPTION = ("c2pa.created", "c2pa.opened")
NOT_EDITORIAL = {
    f"c2pa.{name}"
    for name in (
        "converted published repackaged transcoded resized.proportional enhanced edited.metadata "
        "watermarked watermarked.bound watermarked.unbound redacted"
    ).split()
}
KNOWN_ACTIONS = {
    f"c2pa.{name}"
    for name in (
        "addedText adjustedColor changedSpeed color_adjustments converted created cropped deleted "
        "drawing dubbed edited edited.metadata enhanced filtered mastered mixed opened orientation "
        "placed published redacted remixed removed repackaged resized resized.proportional "
        "transcoded translated trimmed unknown watermarked watermarked.bound watermarked.unbound"
    ).split()
}
OLD_ACTIONS = {
    f"c2pa.{name}"
    for name in (
        "copied formatted version_updated printed managed produced saved color_adjustments "
        "watermarked"
    ).split()
}
KNOWN_ASSERTIONS = {
    f"c2pa.{name}"
    for name in (
        "hash.data hash.data.part actions.v2 ingredient.v3 hash.boxes hash.bmff.v3 "
        "hash.collection.data soft-binding cloud-data embedded-data metadata certificate-status "
        "asset-ref asset-type.v2 hash.multi-asset thumbnail.claim thumbnail.ingredient "
        "depthmap.GDepth icon alternative-content-representation external-reference session-keys "
        "environmental-sustainability repository-receipt ai-disclosure assertion.metadata "
        "time-stamp"
    ).split()
}
OLD_ASSERTIONS = {
    f"c2pa.{name}"
    for name in "claim hash.bmff.v2 asset-type ingredient ingredient.v2 actions".split()
}
MALFORMED = {
    *(
        f"assertion.{kind}.malformed"
        for kind in (
            "action bmffHash boxesHash collectionHash dataHash external-reference ingredient "
            "alternativeContentRepresentation multiAssetHash"
        ).split()
    ),
    *(
        f"manifest.{kind}"
        for kind in (
            "compressed.invalid html.multipleManifests inaccessible multipleParents "
            "structuredText.emptyReference structuredText.malformedReference "
            "structuredText.multipleReferences structuredText.noManifest "
            "structuredText.noResolutionPath timestamp.invalid timestamp.wrongParents "
            "update.invalid update.wrongParents"
        ).split()
    ),
    *(
        f"claim.{kind}"
        for kind in "cbor.invalid hardBindings.missing malformed missing multiple".split()
    ),
    "assertion.external-reference.labelMismatch",
    "assertion.external-reference.created",
    "assertion.alternativeContentRepresentation.missing",
    "assertion.cbor.invalid",
    "assertion.json.invalid",
    "assertion.boxesHash.unknownBox",
    "assertion.multipleHardBindings",
    "hashedURI.missing",
    "ingredient.manifest.missing",
}
MISMATCHES = {
    *(
        f"assertion.{kind}.mismatch"
        for kind in ("bmffHash boxesHash collectionHash dataHash multiAssetHash hashedURI").split()
    ),
    *(
        f"assertion.{kind}.hashMismatch"
        for kind in ("external-reference alternativeContentRepresentation").split()
    ),
    "assertion.action.ingredientMismatch",
    "assertion.action.redactionMismatch",
    "assertion.hardBinding.redacted",
    "hashedURI.mismatch",
    "ingredient.manifest.mismatch",
    "ingredient.claimSignature.missing",
    "ingredient.claimSignature.mismatch",
    "claimSignature.missing",
}
PARAMETERS = set(
    "redacted ingredients ingredient description relatedAssertions sourceLanguage targetLanguage "
    "multipleInstances ranges weight width italic slant optical-size".split()
)
Found = list[Any]
CHECKS: dict[str, Callable[[dict[str, Any]], Found]] = {}


def problems(document: dict[str, Any]) -> dict[str, Found]:
    """What is wrong with the active manifest of a crJSON ``document``, by the name of the check."""
    active = document["manifests"][0]
    return {name: found for name, check in CHECKS.items() if (found := check(active))}


MIME = {".mp4": "video/mp4", ".mov": "video/quicktime", ".avi": "video/avi", ".webm": "video/webm"}


def sidecar_of(path: Path) -> bytes | None:
    beside = path.with_name(f"{path.name}.c2pa")
    return beside.read_bytes() if beside.exists() else None


def crjson(path: Path, identity) -> dict[str, Any]:
    trust = TrustSettings(anchors_pem=(identity.trust_anchor,))
    with (
        path.open("rb") as file,
        open_context(trust) as context,
        c2pa.Reader(MIME[path.suffix], file, sidecar_of(path), context=context) as reader,
    ):
        return json.loads(reader.crjson())


def check(function: Callable[[dict[str, Any]], Iterator[Any]]) -> None:
    CHECKS[function.__name__] = lambda active: list(function(active))


def assertions(active: dict[str, Any]) -> dict[str, Any]:
    return active.get("assertions") or {}


def values(active: dict[str, Any]) -> list[dict[str, Any]]:
    return [value for value in assertions(active).values() if isinstance(value, dict)]


def actions(active: dict[str, Any]) -> list[dict[str, Any]]:
    return [action for value in values(active) for action in value.get("actions") or []]


def ingredients(active: dict[str, Any]) -> list[dict[str, Any]]:
    return [value for value in values(active) if value.get("relationship") is not None]


def claim(active: dict[str, Any]) -> dict[str, Any]:
    return active.get("claim.v2") or {}


def failures(active: dict[str, Any]) -> list[str]:
    return [status["code"] for status in (active.get("validationResults") or {}).get("failure", [])]


@check
def mandatory_dst_for_perceptible_transformations(active):
    exempt = {*INCEPTION, *NOT_EDITORIAL, "c2pa.placed"}
    for action in actions(active):
        name = action["action"]
        if name.startswith("c2pa.") and name not in exempt and not action.get("digitalSourceType"):
            yield name


@check
def mandatory_spec_version(active):
    info = claim(active).get("claim_generator_info") or {}
    info = info[0] if isinstance(info, list) else info
    found = info.get("specVersion")
    if not isinstance(found, str) or tuple(found.split(".")[:2]) != SPEC:
        yield found or "missing"


@check
def mandatory_all_actions_included(active):
    for value in values(active):
        if value.get("actions") is not None and value.get("allActionsIncluded") is None:
            yield "allActionsIncluded"


@check
def no_dst_for_opened_action(active):
    for action in actions(active):
        if action["action"] == "c2pa.opened" and action.get("digitalSourceType") is not None:
            yield action["digitalSourceType"]


@check
def well_formed_data_present(active):
    if active.get("validationResults") is None:
        yield "validationResults"


@check
def well_formed_success(active):
    yield from (code for code in failures(active) if code in MALFORMED)


@check
def valid_data_present(active):
    if active.get("validationResults") is None:
        yield "validationResults"


@check
def valid_success(active):
    yield from (code for code in failures(active) if code in MISMATCHES)


@check
def inception_action_position(active):
    created = [entry["url"] for entry in claim(active).get("created_assertions") or []]
    first = next((url for url in created if "c2pa.actions" in url), "")
    if not first.endswith("c2pa.actions.v2"):
        yield "the created assertions begin with no actions"
    names = [action["action"] for action in actions(active)]
    if "c2pa.created" in names and names[0] not in INCEPTION:
        yield names[0]


@check
def no_deprecated_assertions(active):
    for label in assertions(active):
        if label.startswith("stds.") or label in OLD_ASSERTIONS:
            yield label


@check
def no_unsupported_assertions(active):
    for label in assertions(active):
        base = label.split("__")[0]
        if label.startswith("c2pa.") and base not in KNOWN_ASSERTIONS | OLD_ASSERTIONS:
            yield label


@check
def no_deprecated_actions(active):
    yield from (a["action"] for a in actions(active) if a["action"] in OLD_ACTIONS)


@check
def no_unsupported_actions(active):
    for action in actions(active):
        if action["action"].startswith("c2pa.") and action["action"] not in KNOWN_ACTIONS:
            yield action["action"]


@check
def no_unrecognized_custom_assertions(active):
    for label in assertions(active):
        if not label.startswith("c2pa.") and "." not in label:
            yield label


@check
def no_unrecognized_custom_actions(active):
    for action in actions(active):
        if not action["action"].startswith("c2pa.") and "." not in action["action"]:
            yield action["action"]


@check
def no_unrecognized_custom_action_parameters(active):
    for action in actions(active):
        for name in action.get("parameters") or {}:
            if name not in PARAMETERS and "." not in name:
                yield name


@check
def discouraged_legacy_action_parameters(active):
    for action in actions(active):
        parameters = action.get("parameters") or {}
        if "description" in parameters or "ingredient" in parameters:
            yield action["action"]


@check
def active_manifest_urn(active):
    if not (active.get("label") or "").startswith("urn:c2pa:"):
        yield active.get("label")


@check
def review_ratings_datasource(active):
    for value in values(active):
        source = (value.get("dataSource") or {}).get("type") or ""
        if value.get("reviewRatings") is not None and source.startswith("humanEntry."):
            yield source


@check
def ingredient_v3_no_active_manifest(active):
    for one in ingredients(active):
        if one.get("activeManifest") is None and one.get("validationResults") is not None:
            yield "validationResults"


@check
def ingredient_v3_mandatory_validation_results(active):
    for one in ingredients(active):
        if one.get("activeManifest") is not None and one.get("validationResults") is None:
            yield "activeManifest"


@check
def ingredient_relationship_values(active):
    for one in ingredients(active):
        if one["relationship"] not in {"parentOf", "inputTo", "componentOf"}:
            yield one["relationship"]


@check
def mandatory_dst_for_created_action(active):
    for action in actions(active):
        if action["action"] == "c2pa.created" and action.get("digitalSourceType") is None:
            yield action["action"]


@check
def no_deprecated_claim_fields(active):
    if claim(active).get("specVersion") is not None:
        yield "specVersion"


@check
def ingredient_v3_choice(active):
    for one in ingredients(active):
        if one.get("activeManifest") is not None and one.get("digitalSourceType") is not None:
            yield one["digitalSourceType"]


@check
def alternative_content_representation_choice(active):
    for value in values(active):
        parameters = value.get("parameters") or {}
        kind = "exif.originalPreservationImage"
        if value.get("type") == kind or parameters.get("type") == kind:
            parts = ("multiAssetPartIndex", "embeddedOriginalPreservationImage")
            if sum(parameters.get(part) is not None for part in parts) != 1:
                yield kind


@check
def forbidden_labels_in_external_references(active):
    whole = {"c2pa.actions", "c2pa.actions.v2", "c2pa.cloud-data", "c2pa.external-reference"}
    for value in values(active):
        label = value.get("label")
        refers = label is not None and value.get("url") is not None
        forbidden = refers and (
            label in whole or label.startswith(("c2pa.hash", "c2pa.ingredient"))
        )
        if forbidden and value.get("relationship") is None:
            yield label


@check
def no_url_in_hashes(active):
    for label in ("c2pa.hash.data", "c2pa.hash.bmff.v3"):
        if (assertions(active).get(label) or {}).get("url") is not None:
            yield label


@check
def all_actions_included_opened(active):
    done = actions(active)
    complete = (assertions(active).get("c2pa.actions.v2") or {}).get("allActionsIncluded")
    if len(done) == 1 and done[0]["action"] == "c2pa.opened" and complete is not True:
        yield "c2pa.opened"


@check
def opened_action_ingredient_reference(active):
    for action in actions(active):
        referred = (action.get("parameters") or {}).get("ingredients") or []
        if action["action"] == "c2pa.opened" and len(referred) != 1:
            yield len(referred)


@check
def no_box_hash_for_tiff(active):
    kind = (assertions(active).get("c2pa.asset-type.v2") or {}).get("dc:format")
    if "c2pa.hash.boxes" in assertions(active) and kind in {"image/tiff", "image/x-adobe-dng"}:
        yield "c2pa.hash.boxes"
