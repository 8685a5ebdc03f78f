"""Pages about patients. Every view with a patient in its address is wrapped by patient_page."""
