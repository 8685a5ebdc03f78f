"""What can be done to patients, cases, visits and contacts. Each checks the right itself, in one transaction."""
