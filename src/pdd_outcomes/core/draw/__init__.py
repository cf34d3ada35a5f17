"""Drawing functions: a frame in, a matplotlib Axes out, and alt text from the same frame."""
