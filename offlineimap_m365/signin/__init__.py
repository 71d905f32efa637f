"""A person signs in: what is asked where, by which flow, and what of it is kept."""
