"""A generated retailer: deterministic in seed, scale and window, and no history has to be generated to reach a day."""
