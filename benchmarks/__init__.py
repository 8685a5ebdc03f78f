"""What the access proof costs: the application's four hot pages against a floor application on the same data. See README.md."""
