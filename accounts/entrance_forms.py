"""allauth's forms where they have to know more about our accounts than allauth does."""

from __future__ import annotations

from allauth.account.forms import ResetPasswordForm

from accounts.models import User


class PasswordResetForm(ResetPasswordForm):
    """An account that was invited opens by its invitation only, which runs out; a reset must not replace it."""

    def clean_email(self) -> str:
        email: str = super().clean_email()
        self.users: list[User] = [user for user in self.users if user.has_usable_password()]
        return email
