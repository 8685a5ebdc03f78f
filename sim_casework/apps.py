from django.apps import AppConfig


class SimCaseworkConfig(AppConfig):
    name = "sim_casework"
    verbose_name = "SIM Casework"
