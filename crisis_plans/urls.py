"""Addresses of the plan. Each is about one patient, whose key the trail reads from it."""

from django.urls import path

from crisis_plans.views import deciding, reading, writing

app_name = "crisis_plans"

_PLAN = "patients/<uuid:patient_id>/plan/"
_VERSION = f"{_PLAN}versions/<int:number>/"

urlpatterns = [
    path(_PLAN, reading.plan, name="plan"),
    path(f"{_PLAN}print/", reading.plan_print, name="plan_print"),
    path(f"{_PLAN}new-version/", writing.plan_start, name="plan_start"),
    path(f"{_PLAN}versions/", reading.plan_versions, name="plan_versions"),
    path(_VERSION, reading.plan_version, name="plan_version"),
    path(f"{_VERSION}differences/", reading.plan_differences, name="plan_differences"),
    path(f"{_VERSION}edit/", writing.plan_edit, name="plan_edit"),
    path(f"{_VERSION}submit/", writing.plan_submit, name="plan_submit"),
    path(f"{_VERSION}take-back/", writing.plan_withdraw, name="plan_withdraw"),
    path(f"{_VERSION}discard/", writing.plan_discard, name="plan_discard"),
    path(f"{_VERSION}decide/", deciding.plan_decide, name="plan_decide"),
]
