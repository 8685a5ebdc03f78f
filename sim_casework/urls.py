"""Every address of the product. Patient pages carry ``<uuid:patient_id>``: the trail knows by it who was asked for."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from sim_casework.pages import errors
from sim_casework.pages.caseload import caseload_page
from sim_casework.pages.health import healthz
from sim_casework.pages.help import help_page
from sim_casework.pages.home import home
from sim_casework.pages.patient_record import patient_record

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home, name="home"),
    path("caseload/", caseload_page, name="caseload"),
    path("patients/<uuid:patient_id>/", patient_record, name="patient_record"),
    path("healthz", healthz, name="healthz"),
    path("help/", help_page, name="help"),
    path("signed-out/", errors.signed_out, name="signed_out"),
    path("account/", include("accounts.sign_in_urls")),
    path("", include("accounts.urls")),
    path("", include("reminders.urls")),
    path("", include("cases.urls")),
    path("", include("crisis_plans.urls")),
    path("", include("audit.urls")),
]

if settings.DEMO:
    # Imported here, so that elsewhere the module is not even loaded.
    from sim_casework.pages.demo import urlpatterns as demo_urlpatterns

    urlpatterns = [*demo_urlpatterns, *urlpatterns]

handler400 = "sim_casework.pages.errors.bad_request"
handler403 = "sim_casework.pages.errors.permission_denied"
handler404 = "sim_casework.pages.errors.page_not_found"
handler500 = "sim_casework.pages.errors.server_error"
