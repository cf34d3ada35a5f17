"""Where the numbers came from: versions, hashes and the seed. No clock, no path, no name of a person or machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Protocol

from .. import __version__


class _Data(Protocol):
    @property
    def seed(self) -> int: ...


class Plan(Protocol):
    """What provenance needs of a protocol."""

    @property
    def sha256(self) -> str:
        """Hash of the validated plan."""

    @property
    def data(self) -> _Data:
        """The data part, with the seed."""


def provenance(
    protocol: Plan, manifests: Mapping[str, Mapping[str, Any]], *, inputs_of: str = "raw"
) -> dict[str, Any]:
    """The `provenance` part of study.json.

    Parameters
    ----------
    protocol : the validated plan
    manifests : stage name to manifest, as the stages wrote them (packages, outputs)
    inputs_of : the stage whose outputs are the study's inputs, as they were sent

    Returns
    -------
    dict
        code_version, protocol_sha, packages (name to version), inputs (file name to SHA-256), seed,
        manifests (stage to the SHA-256 of its manifest).
    """
    packages: dict[str, str] = {}
    for manifest in manifests.values():
        packages.update(manifest.get("packages", {}))
    files = manifests.get(inputs_of, {}).get("outputs", {})
    return {
        "code_version": __version__,
        "protocol_sha": protocol.sha256,
        "packages": dict(sorted(packages.items())),
        "inputs": {PurePosixPath(name).name: str(sha) for name, sha in sorted(files.items())},
        "seed": int(protocol.data.seed),
        "manifests": {stage: _sha(manifest) for stage, manifest in sorted(manifests.items())},
    }


def _sha(manifest: Mapping[str, Any]) -> str:
    """Hash of a manifest's content, the same whatever the order of its keys."""
    text = json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    return hashlib.sha256(text.encode()).hexdigest()
