"""People, teams, sessions. Signing in itself is allauth's: see accounts.sign_in_urls."""

from django.urls import path

from accounts.views import memberships, people, second_factors, staff_checks, teams
from accounts.views.held_submission import held_submission
from accounts.views.invitation import invitation, invitation_link
from accounts.views.profile import home_postcode, profile, session_end, sessions_end_others
from accounts.views.session import session

app_name = "accounts"

urlpatterns = [
    path("account/session/", session, name="session"),
    path("account/kept-text/", held_submission, name="held_submission"),
    path("account/profile/", profile, name="profile"),
    path("account/home-postcode/", home_postcode, name="home_postcode"),
    path("account/sessions/end/", session_end, name="session_end"),
    path("account/sessions/end-others/", sessions_end_others, name="sessions_end_others"),
    path("account/invitation/", invitation, name="invitation"),
    path("account/invitation/<str:token>/", invitation_link, name="invitation_link"),
    path("people/", people.people, name="people"),
    path("people/invite/", people.person_invite, name="person_invite"),
    path("people/find/", people.person_find, name="person_find"),
    path("people/checks/", staff_checks.checks, name="checks"),
    path("people/<int:user_id>/", people.person, name="person"),
    path("people/<int:user_id>/invitation/", people.invitation_resend, name="invitation_resend"),
    path("people/<int:user_id>/sessions/end/", people.person_sign_out, name="person_sign_out"),
    path("people/<int:user_id>/leave/", people.person_leave, name="person_leave"),
    path("people/<int:user_id>/roles/add/", memberships.membership_add, name="membership_add"),
    path(
        "people/<int:user_id>/roles/<int:membership_id>/end/",
        memberships.membership_end,
        name="membership_end",
    ),
    path("people/<int:user_id>/checks/add/", staff_checks.check_add, name="check_add"),
    path("people/<int:user_id>/registrations/add/", memberships.registration_add, name="registration_add"),
    path(
        "people/<int:user_id>/registrations/<int:registration_id>/renew/",
        memberships.registration_renew,
        name="registration_renew",
    ),
    path(
        "people/<int:user_id>/registrations/<int:registration_id>/withdraw/",
        memberships.registration_withdraw,
        name="registration_withdraw",
    ),
    path(
        "people/<int:user_id>/second-factor/",
        second_factors.second_factor_request,
        name="second_factor_request",
    ),
    path(
        "people/<int:user_id>/second-factor/confirm/",
        second_factors.second_factor_confirm,
        name="second_factor_confirm",
    ),
    path(
        "people/<int:user_id>/second-factor/refuse/",
        second_factors.second_factor_refuse,
        name="second_factor_refuse",
    ),
    path("teams/", teams.teams, name="teams"),
    path("teams/add/", teams.team_add, name="team_add"),
    path("organisations/add/", teams.organisation_add, name="organisation_add"),
]
