from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "cases"
    verbose_name = "Cases"

    def ready(self) -> None:
        from django.apps import apps

        from audit.providers import (
            register_access_explainer,
            register_closeness_finder,
            register_people_under_review,
            register_reference_finder,
        )
        from audit.tracking import track
        from cases.closeness import find_closeness
        from cases.look_ups import references_of
        from cases.models import Patient
        from cases.permissions import explain_access
        from cases.presenters.contacts import register_contact_drafts
        from cases.presenters.drafts import register_patient_drafts
        from cases.review import PatientsUnderReview

        for model in apps.get_app_config("cases").get_models():
            track(model, clear=["reference"] if model is Patient else [])
        register_access_explainer(explain_access)
        register_reference_finder(references_of)
        register_people_under_review(PatientsUnderReview())
        register_closeness_finder(find_closeness)
        register_contact_drafts()
        register_patient_drafts()
