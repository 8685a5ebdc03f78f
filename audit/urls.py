"""Addresses of the trail. A patient's carries ``<uuid:patient_id>``, so that reading it is on that patient's trail."""

from django.urls import path

from audit import views

app_name = "audit"

urlpatterns = [
    path("trail/", views.trail_home, name="trail_home"),
    path("trail/find/", views.find_person, name="find_person"),
    path("trail/patients/<uuid:patient_id>/", views.patient_trail, name="patient_trail"),
    path("trail/workers/<int:user_id>/", views.worker_trail, name="worker_trail"),
    path("trail/refusals/", views.refusals, name="refusals"),
    path("trail/entries/", views.entries, name="entries"),
    path("trail/export/", views.export, name="export"),
]
