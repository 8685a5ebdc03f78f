from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and teams"

    def ready(self) -> None:
        from allauth.mfa.models import Authenticator

        from accounts import sign_in_events  # noqa: F401  (connects its receivers)
        from accounts.line import is_in_line
        from accounts.models import (
            HomePostcode,
            Invitation,
            Membership,
            Organisation,
            ProfessionalRegistration,
            SecondFactorReset,
            StaffCheck,
            Team,
            User,
        )
        from accounts.officers import find_officer, find_officers
        from accounts.selectors import main_standing
        from audit.providers import (
            register_line_finder,
            register_officer_finder,
            register_officers_finder,
            register_standing_finder,
        )
        from audit.tracking import track

        track(User, clear=["username"])
        track(Organisation, clear=["name"])
        track(Team, clear=["name"])
        track(Membership)
        track(ProfessionalRegistration)
        track(StaffCheck)
        track(HomePostcode)
        track(Invitation)
        track(SecondFactorReset)
        track(Authenticator)
        register_standing_finder(main_standing)
        register_officer_finder(find_officer)
        register_officers_finder(find_officers)
        register_line_finder(is_in_line)
