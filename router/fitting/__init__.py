"""From a pack and an encoder to a fitted model, which is kept on disk."""
