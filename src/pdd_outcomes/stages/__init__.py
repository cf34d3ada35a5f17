"""Read, call, write, manifest: the only code that both reads files and calls models."""
