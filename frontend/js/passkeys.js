// allauth's script does the passkey ceremony; this says in words when it was cancelled or is not possible.
export function startPasskeys() {
  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    const status = document.querySelector("[data-passkey-status]");
    if (status) {
      status.textContent =
        "The passkey was not used. Try again, or use another way to sign in. If this device asked nothing, it may hold no passkey for this service.";
    }
  });
}
