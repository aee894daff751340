"""Logs of queries: their files, lines and labels."""
