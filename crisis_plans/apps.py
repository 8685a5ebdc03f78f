from django.apps import AppConfig


class CrisisPlansConfig(AppConfig):
    name = "crisis_plans"
    verbose_name = "Crisis response plans"

    def ready(self) -> None:
        from django.apps import apps

        from audit.tracking import track
        from crisis_plans import checks  # noqa: F401  (registers its check)

        for model in apps.get_app_config("crisis_plans").get_models():
            track(model)
