"""Effects after design: the outcome functions take the design whole."""
