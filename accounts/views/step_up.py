"""Giving the second factor again: allauth's two pages, once is enough, and each attempt on the trail."""

from __future__ import annotations

from typing import Any

from allauth.account import app_settings as account_settings
from allauth.account.views import BaseReauthenticateView
from allauth.mfa.base.views import ReauthenticateView
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.gate import signed_in_user
from accounts.sign_in_events import note_confirmation
from accounts.step_up import is_confirmed

CLOSED = "Closed after too many wrong attempts"


class _Confirmation(BaseReauthenticateView):
    """What both pages share. ``next`` leads to pages of this service only; allauth's adapter sees to it."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Who has confirmed already goes on: by the back button, by a second click, from another tab."""
        if is_confirmed(request):
            return HttpResponseRedirect(self.get_success_url())
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["confirmed_minutes"] = account_settings.REAUTHENTICATION_TIMEOUT // 60
        return context

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        # The session is worth more from now on, so it gets a key that nobody can have seen.
        self.request.session.cycle_key()
        return response

    def note_refusal(self, form: Any, wrong: str) -> None:
        """The two refusals that allauth sends no signal for."""
        codes = {error.code for errors in form.errors.as_data().values() for error in errors}
        if "too_many_login_attempts" in codes:
            note_confirmation(user=signed_in_user(self.request), is_refused=True, reason=CLOSED)
        elif wrong and codes != {"required"}:
            note_confirmation(user=signed_in_user(self.request), is_refused=True, reason=wrong)


class ConfirmByCodeView(_Confirmation, ReauthenticateView):
    def form_invalid(self, form: Any) -> HttpResponse:
        self.note_refusal(form, wrong="")
        response: HttpResponse = super().form_invalid(form)
        return response


class ConfirmByPasskeyView(_Confirmation, ReauthenticateWebAuthnView):
    def form_invalid(self, form: Any) -> HttpResponse:
        """The same page again: each attempt needs a challenge of its own."""
        self.note_refusal(form, wrong="Wrong passkey")
        messages.error(self.request, "The passkey was not accepted. Try again, or use another way.")
        return HttpResponseRedirect(self.passthrough_next_url(self.request.path))


confirm_by_code = ConfirmByCodeView.as_view()
confirm_by_passkey = ConfirmByPasskeyView.as_view()
