"""What a probability is worth, when to ask, and what can be promised."""
