"""The sections of a study's page, each a function of the findings that returns Markdown."""
