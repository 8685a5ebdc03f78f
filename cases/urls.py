"""Addresses of patients, cases, visits and contacts. None carries a name or a number of a person."""

from django.urls import URLPattern, path

from cases.views import break_glass, cases, contact_reviews, contacts, drafts, patients, visits

app_name = "cases"

urlpatterns: list[URLPattern] = [
    path("drafts/", drafts.drafts, name="drafts"),
    path("drafts/new-patient/", drafts.draft_keep_new_patient, name="draft_keep_new_patient"),
    path("drafts/<uuid:draft_id>/discard/", drafts.draft_discard, name="draft_discard"),
    path("patients/<uuid:patient_id>/drafts/<slug:form>/", drafts.draft_keep, name="draft_keep"),
    path("find/", patients.find, name="find"),
    path("patients/new/", patients.patient_register, name="patient_register"),
    path("patients/<uuid:patient_id>/edit/", patients.patient_edit, name="patient_edit"),
    path("patients/<uuid:patient_id>/duplicates/<uuid:registered_id>/", patients.duplicate, name="duplicate"),
    path("patients/<uuid:patient_id>/case/mentors/", cases.case_hand_over, name="case_hand_over"),
    path("patients/<uuid:patient_id>/case/close/", cases.case_close, name="case_close"),
    path("cases-without-mentor/", cases.unmentored, name="unmentored"),
    path("contacts-to-sign/", contacts.to_sign, name="to_sign"),
    path("break-glass/", break_glass.break_glass, name="break_glass"),
    path("break-glass/reviews/", break_glass.break_glass_reviews, name="break_glass_reviews"),
    path(
        "patients/<uuid:patient_id>/break-glass/<uuid:break_glass_id>/",
        break_glass.break_glass_review,
        name="break_glass_review",
    ),
    path(
        "patients/<uuid:patient_id>/break-glass/<uuid:break_glass_id>/end/",
        break_glass.break_glass_end,
        name="break_glass_end",
    ),
    path("contact-reviews/", contact_reviews.contact_reviews, name="contact_reviews"),
    path("patients/<uuid:patient_id>/timeline/", contacts.patient_timeline, name="patient_timeline"),
    path("patients/<uuid:patient_id>/contacts/new/", contacts.contact_log, name="contact_log"),
    path("patients/<uuid:patient_id>/contacts/<uuid:contact_id>/", contacts.contact, name="contact"),
    path(
        "patients/<uuid:patient_id>/contacts/<uuid:contact_id>/change/",
        contacts.contact_change,
        name="contact_change",
    ),
    path(
        "patients/<uuid:patient_id>/contacts/<uuid:contact_id>/sign/",
        contacts.contact_sign,
        name="contact_sign",
    ),
    path(
        "patients/<uuid:patient_id>/contacts/<uuid:contact_id>/addendum/",
        contacts.contact_addendum,
        name="contact_addendum",
    ),
    path(
        "patients/<uuid:patient_id>/contacts/<uuid:contact_id>/strike-out/",
        contacts.contact_strike_out,
        name="contact_strike_out",
    ),
    path(
        "patients/<uuid:patient_id>/contacts/<uuid:contact_id>/review/",
        contact_reviews.contact_review,
        name="contact_review",
    ),
    path("patients/<uuid:patient_id>/visits/new/", visits.visit_plan, name="visit_plan"),
    path("patients/<uuid:patient_id>/visits/<uuid:visit_id>/", visits.visit, name="visit"),
    path(
        "patients/<uuid:patient_id>/visits/<uuid:visit_id>/change/", visits.visit_change, name="visit_change"
    ),
    path(
        "patients/<uuid:patient_id>/visits/<uuid:visit_id>/outcome/",
        visits.visit_outcome,
        name="visit_outcome",
    ),
]
