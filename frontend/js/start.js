// Runs before the first paint, so that parts which need scripts never flash in their plain form.
document.body.classList.add("js-enabled", "nhsuk-frontend-supported");
