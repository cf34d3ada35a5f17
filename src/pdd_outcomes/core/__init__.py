"""Vocabulary shared by both stacks: columns, formulas, results, errors, sandwich variances, drawing."""
