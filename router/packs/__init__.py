"""Packs: their values, what must hold of them, and their files."""
