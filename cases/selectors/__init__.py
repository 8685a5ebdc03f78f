"""What a page shows of patients and their cases. Every selector takes the user first and starts from who may be seen."""
