// Ctrl+Enter submits; a second submit of the same page is held back. The one-time key on the server is what counts.
const HOLD_BACK = 5000;

let holdsText = false;

// Whether somebody has typed into this page and not sent it.
export function pageHoldsText() {
  return holdsText;
}

export function startForms() {
  // Going back refills a page that was saved already. Written by a script, its one-time key is refilled as well, and
  // the server knows the page again.
  document.querySelectorAll('input[name="submission_key"]').forEach((input) => {
    input.value = String(input.value);
  });

  document.addEventListener("input", (event) => {
    if (isOurs(event.target.form)) holdsText = true;
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    const form = event.target.form;
    if (!isOurs(form)) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector('button[type="submit"], button:not([type])') || undefined);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !isOurs(form)) return;
    const sentAt = Number(form.dataset.sentAt || 0);
    if (Date.now() - sentAt < HOLD_BACK) {
      event.preventDefault();
      return;
    }
    form.dataset.sentAt = String(Date.now());
    holdsText = false;
  });

  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent-at]").forEach((form) => delete form.dataset.sentAt);
  });
}

function isOurs(form) {
  return (
    form instanceof HTMLFormElement &&
    form.method === "post" &&
    !("noShortcut" in form.dataset) &&
    !form.closest("dialog") &&
    !form.matches("[hx-post], [hx-put], [hx-delete], [hx-patch]")
  );
}
