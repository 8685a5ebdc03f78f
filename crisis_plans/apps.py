from django.apps import AppConfig


class CrisisPlansConfig(AppConfig):
    name = "crisis_plans"
    verbose_name = "Crisis response plans"

    def ready(self) -> None:
        from django.apps import apps

        from audit.tracking import track
        from cases.case_changes import when_handed_over
        from cases.drafted_forms import register_drafted_form
        from crisis_plans import checks  # noqa: F401  (registers its check)
        from crisis_plans.services.hand_over import remind_new_mentors
        from crisis_plans.unfinished import address_of_draft

        for model in apps.get_app_config("crisis_plans").get_models():
            track(model)
        when_handed_over(remind_new_mentors)
        register_drafted_form("plan", title="Crisis response plan", address=address_of_draft)
