"""Evidence over forces: pooling and its uncertainty."""
