from django.apps import AppConfig


class RemindersConfig(AppConfig):
    name = "reminders"
    verbose_name = "Reminders"

    def ready(self) -> None:
        from audit.tracking import track
        from core.due import subscribe
        from reminders.models import EmailMessageOut
        from reminders.subscriber import ReminderSubscriber

        # Reminders and notifications are written in bulk; the entry of the page or tick that does it says so.
        track(EmailMessageOut)
        subscribe(ReminderSubscriber())
