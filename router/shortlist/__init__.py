"""The few skills that an agent should see for a request, instead of the list of all of them."""
