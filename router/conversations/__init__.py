"""A turn of a conversation is read with what came before, as far as it needs it."""
