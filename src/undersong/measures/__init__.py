"""Pure functions of numbers and sentences: what codes, bounds and written texts say. Knows nothing of models."""
