"""A random walk through everything that gives or takes access, held against a model in plain Python after every step."""
