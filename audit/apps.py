from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Trail"

    def ready(self) -> None:
        from audit import sign_in_events  # noqa: F401  (connects its receivers)
        from audit.models import Alert, AlertStep
        from audit.tracking import track

        track(Alert)
        track(AlertStep)
