"""Alerts: an access that somebody has to look into, from the moment it is raised to the moment it is closed.

``raise_alert`` is the one way in, for detectors and for the apps above.
"""

from audit.alerts.raising import raise_alert

__all__ = ["raise_alert"]
