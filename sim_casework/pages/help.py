"""The help page: short guidance for each role, reachable without signing in."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_not_required
def help_page(request: HttpRequest) -> HttpResponse:
    layout = "layouts/page.jinja" if request.user.is_authenticated else "layouts/entrance.jinja"
    return render(request, "help/index.jinja", {"layout": layout})
