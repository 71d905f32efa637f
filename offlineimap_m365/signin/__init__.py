"""How a person signs in: the options, the three flows, and what is saved."""
