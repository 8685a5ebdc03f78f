"""The invented people of the demo and what happened to them, told through the services. Never part of real data."""
