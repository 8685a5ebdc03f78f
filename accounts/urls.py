"""People, teams, sessions. Signing in itself is allauth's: see accounts.sign_in_urls."""

from django.urls import path

from accounts.views.held_submission import held_submission
from accounts.views.session import session

app_name = "accounts"

urlpatterns = [
    path("account/session/", session, name="session"),
    path("account/kept-text/", held_submission, name="held_submission"),
]
