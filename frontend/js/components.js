// The NHS.UK components that our pages use, also in parts that htmx brings in later.
import {
  CharacterCount,
  Checkboxes,
  ErrorSummary,
  NotificationBanner,
  PasswordInput,
  Radios,
  SkipLink,
  createAll,
} from "nhsuk-frontend";

const used = [
  CharacterCount,
  Checkboxes,
  ErrorSummary,
  NotificationBanner,
  PasswordInput,
  Radios,
  SkipLink,
];

export function startComponents() {
  used.forEach((component) => createAll(component));
  dropExpanded();
  document.addEventListener("click", dropExpanded);
  window.addEventListener("pageshow", dropExpanded);
  // htmx notes the page's address here even with its history off; nothing of a record stays in the browser.
  window.sessionStorage?.removeItem("htmx-current-path-for-history");
  document.addEventListener("htmx:afterSwap", (event) => {
    used.forEach((component) => createAll(component, {}, event.detail.elt));
    dropExpanded();
  });
}

// The library marks radio buttons as expanded, which ARIA does not allow for their role.
function dropExpanded() {
  document
    .querySelectorAll('input[type="radio"][aria-expanded]')
    .forEach((input) => input.removeAttribute("aria-expanded"));
}
