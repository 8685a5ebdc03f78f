"""The plan's pages: reading, writing, deciding."""
