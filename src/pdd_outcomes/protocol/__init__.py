"""The plan: protocol.yaml, validated, frozen and hashed."""
