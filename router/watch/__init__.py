"""Watch a pack while it is edited: after each save, show which queries have another outcome."""
