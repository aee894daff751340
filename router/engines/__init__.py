"""Ways to run an evaluation past one machine; the local one is `router.evaluation`."""
