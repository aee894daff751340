"""Statistics on plain arrays: they know nothing of packs, texts or encoders."""
