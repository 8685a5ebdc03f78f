"""Addresses of patients, cases, visits and contacts. None carries a name or a number of a person."""

from django.urls import URLPattern, path

from cases.views import drafts

app_name = "cases"

urlpatterns: list[URLPattern] = [
    path("drafts/", drafts.drafts, name="drafts"),
    path("drafts/new-patient/", drafts.draft_keep_new_patient, name="draft_keep_new_patient"),
    path("drafts/<uuid:draft_id>/discard/", drafts.draft_discard, name="draft_discard"),
    path("patients/<uuid:patient_id>/drafts/<slug:form>/", drafts.draft_keep, name="draft_keep"),
]
