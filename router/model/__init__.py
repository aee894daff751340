"""All that is fitted from a pack, on disk and in memory, and what it reads in a text."""
