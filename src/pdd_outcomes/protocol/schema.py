"""The protocol's JSON Schema, for editors."""

from __future__ import annotations

from typing import Any

from .model import Protocol


def protocol_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of protocol.yaml."""
    schema = Protocol.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "pdd-outcomes protocol",
    }
