"""Addresses of reminders; none names a patient."""

from django.urls import path

from reminders import views

app_name = "reminders"

urlpatterns = [
    path("notifications/", views.notifications, name="notifications"),
    path("notifications/read/", views.mark_all_read, name="mark_all_read"),
    path("notifications/<uuid:notification_id>/read/", views.mark_read, name="mark_read"),
    path("tasks/", views.tasks, name="tasks"),
    path("tasks/team/", views.team_tasks, name="team_tasks"),
    path("tasks/<uuid:reminder_id>/done/", views.tick_off, name="tick_off"),
    path("stuck-emails/", views.stuck_emails, name="stuck_emails"),
    path("stuck-emails/<uuid:reference>/", views.decide_email, name="decide_email"),
]
