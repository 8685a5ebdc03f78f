from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Core"

    def ready(self) -> None:
        from django.db.backends.signals import connection_created

        from core.access_guard import guard_connection

        connection_created.connect(guard_connection, dispatch_uid="core.access_guard")
