"""From what was read to what is decided, told and asked."""
