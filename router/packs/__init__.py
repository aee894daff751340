"""What a pack says, and its files: read with every fault named, and written."""
