"""Vectors and words to probabilities: the heads that decide, and their scikit-learn estimators."""
