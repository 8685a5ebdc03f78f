from django.apps import AppConfig


class SimCaseworkConfig(AppConfig):
    name = "sim_casework"
    verbose_name = "SIM Casework"

    def ready(self) -> None:
        from audit import sentences
        from sim_casework.trail_words import OTHER_WORK, RELATIONSHIPS, ROUTES, THINGS

        sentences.register(ROUTES)
        sentences.register(OTHER_WORK)
        sentences.register_things(THINGS)
        sentences.register_relationships(RELATIONSHIPS)
