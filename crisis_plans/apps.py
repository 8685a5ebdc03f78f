from django.apps import AppConfig


class CrisisPlansConfig(AppConfig):
    name = "crisis_plans"
    verbose_name = "Crisis response plans"
