"""Evidence over forces: pooling and its uncertainty."""

from .pooling import Pooled, pool

__all__ = ["Pooled", "pool"]
