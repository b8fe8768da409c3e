"""The kinds of claims, one module each: `judge` reads a check's numbers and returns a Finding."""
