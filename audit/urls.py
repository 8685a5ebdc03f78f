"""Addresses of the trail. A patient's carries ``<uuid:patient_id>``, so that reading it is on that patient's trail."""

from django.urls import path

from audit import views
from audit.alerts import views as alerts

app_name = "audit"

urlpatterns = [
    path("trail/", views.trail_home, name="trail_home"),
    path("trail/find/", views.find_person, name="find_person"),
    path("trail/patients/<uuid:patient_id>/", views.patient_trail, name="patient_trail"),
    path("trail/workers/<int:user_id>/", views.worker_trail, name="worker_trail"),
    path("trail/refusals/", views.refusals, name="refusals"),
    path("trail/changes/", views.changes, name="changes"),
    path("trail/entries/", views.entries, name="entries"),
    path("trail/export/", views.export, name="export"),
    path("trail/alerts/", alerts.alerts, name="alerts"),
    path("trail/alerts/<uuid:alert_id>/", alerts.alert, name="alert"),
    path("trail/alerts/<uuid:alert_id>/ask/", alerts.alert_ask, name="alert_ask"),
    path("trail/alerts/<uuid:alert_id>/decide/", alerts.alert_decide, name="alert_decide"),
    path("trail/alerts/<uuid:alert_id>/close/", alerts.alert_close, name="alert_close"),
    # Not under trail/: a worker answers here, who reads no trail.
    path("questions/<uuid:alert_id>/", alerts.alert_answer, name="alert_answer"),
]
