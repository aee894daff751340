"""Ways to decide the batches of a log elsewhere than in this process."""
