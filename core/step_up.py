"""The mark of views that ask for the second factor again. ``accounts.middleware`` enforces it; here is only the mark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


def needs_step_up(view: View) -> View:
    """Let nobody reach the view, by any method, without a second factor given within the last five minutes.

    It stands above or below the gates' decorators: they copy what is written on the view they wrap.
    """
    view.needs_step_up = True  # type: ignore[attr-defined]
    return view


def asks_for_step_up(view: Any) -> bool:
    """Whether a view, as the address leads to it, carries the mark."""
    return getattr(view, "needs_step_up", False) is True
