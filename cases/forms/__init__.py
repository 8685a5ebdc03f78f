"""What people type about patients, visits and contacts, and whether it is usable. What it means is decided by services."""
