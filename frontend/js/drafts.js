// Saves what somebody types as a draft on the server. Nothing is ever put into the browser's storage.
import { onSignedInAgain, sessionIsOver } from "./session.js";

const PAUSE_AFTER_TYPING = 2000;
const RETRIES = [5000, 10000, 20000, 40000, 60000];
// Browsers drop a request that outlives its page above 64 KiB, headers included.
const OUTLIVES_THE_PAGE = 60000;

const SIGNED_OUT =
  "You have been signed out. Your text is still here – sign in in a new tab, then carry on.";
const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  timeZone: "Europe/London",
});

const drafts = [];

export function startDrafts() {
  document
    .querySelectorAll("form[data-draft-url]")
    .forEach((form) => drafts.push(new Draft(form)));
  if (!drafts.length) return;

  window.addEventListener("pagehide", () => drafts.forEach((draft) => draft.saveLeaving()));
  document.addEventListener("visibilitychange", () => {
    // On a phone this is often the last thing a page hears.
    if (document.visibilityState === "hidden") drafts.forEach((draft) => draft.saveLeaving());
  });
  window.addEventListener("online", () => drafts.forEach((draft) => draft.saveSoon(0)));
  window.addEventListener("offline", () => drafts.forEach((draft) => draft.noteOffline()));
  window.addEventListener("beforeunload", (event) => {
    if (drafts.some((draft) => draft.wouldBeLost())) {
      event.preventDefault();
      event.returnValue = "";
    }
  });
  onSignedInAgain(() => drafts.forEach((draft) => draft.saveSoon(0)));
}

class Draft {
  constructor(form) {
    this.form = form;
    this.touched = false;
    this.submitted = false;
    this.failed = false;
    this.failures = 0;
    this.timer = null;
    this.running = null;
    this.savedText = this.text();
    this.status = form.querySelector("[data-draft-status]") || this.makeStatus();
    form.addEventListener("input", () => this.typed());
    form.addEventListener("change", () => this.typed());
    form.addEventListener("submit", (event) => this.submit(event));
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.submitted = false;
    });
  }

  makeStatus() {
    const status = document.createElement("p");
    status.className = "app-draft";
    status.setAttribute("role", "status");
    status.setAttribute("aria-live", "polite");
    this.form.append(status);
    return status;
  }

  body() {
    const sent = new URLSearchParams();
    new FormData(this.form).forEach((value, name) => {
      if (typeof value === "string") sent.append(name, value);
    });
    return sent.toString();
  }

  // The token changes when somebody signs in again; that alone is nothing to save.
  text() {
    const sent = new URLSearchParams(this.body());
    sent.delete("csrfmiddlewaretoken");
    return sent.toString();
  }

  unsaved() {
    return this.touched && !this.submitted && this.text() !== this.savedText;
  }

  wouldBeLost() {
    return this.unsaved() && (this.failed || !navigator.onLine || this.body().length > OUTLIVES_THE_PAGE);
  }

  typed() {
    this.touched = true;
    this.saveSoon(PAUSE_AFTER_TYPING);
  }

  saveSoon(wait) {
    clearTimeout(this.timer);
    if (this.unsaved()) this.timer = setTimeout(() => this.save(), wait);
  }

  saveLeaving() {
    clearTimeout(this.timer);
    if (this.unsaved() && !this.running) this.save(this.body().length <= OUTLIVES_THE_PAGE);
  }

  noteOffline() {
    if (this.unsaved()) this.say("Not saved – no signal", true);
  }

  submit(event) {
    if (event.defaultPrevented) return;
    if (!navigator.onLine) {
      event.preventDefault();
      this.touched = true;
      this.say("Not saved – no signal. Keep this page open and try again.", true);
      return;
    }
    // A draft that arrives after the entry itself would come back as unfinished work.
    this.submitted = true;
    clearTimeout(this.timer);
    if (this.running) this.running.abort();
  }

  async save(keepalive = false) {
    if (this.running) return this.saveSoon(PAUSE_AFTER_TYPING);
    const text = this.text();
    this.running = new AbortController();
    try {
      const response = await fetch(this.form.dataset.draftUrl, {
        method: "POST",
        body: this.body(),
        headers: {
          "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
          Accept: "application/json",
          "X-Autosave": "1",
          "X-CSRFToken": this.form.elements.csrfmiddlewaretoken?.value || "",
        },
        credentials: "same-origin",
        redirect: "manual",
        keepalive,
        signal: this.running.signal,
      });
      await this.answered(response, text);
    } catch (error) {
      if (!this.submitted) this.failedWith("Not saved – no signal", true);
    } finally {
      this.running = null;
    }
  }

  async answered(response, text) {
    const answer = await response.json().catch(() => ({}));
    if (response.ok) {
      this.savedText = text;
      this.failed = false;
      this.failures = 0;
      const at = answer.saved_at ? new Date(answer.saved_at) : new Date();
      this.say(`Draft saved ${clock.format(at)}`, false);
      this.saveSoon(PAUSE_AFTER_TYPING);
    } else if (answer.signed_out || response.type === "opaqueredirect" || response.status === 401) {
      this.failedWith(SIGNED_OUT, false);
      sessionIsOver();
    } else if (response.status < 500) {
      this.failedWith(`Not saved – ${answer.message || "the service did not accept this text"}`, false);
    } else {
      this.failedWith("Not saved – the service is not answering", true);
    }
  }

  failedWith(message, retry) {
    this.failed = true;
    this.say(message, true);
    if (retry) {
      this.saveSoon(RETRIES[Math.min(this.failures, RETRIES.length - 1)]);
      this.failures += 1;
    }
  }

  say(message, isFailure) {
    this.status.classList.toggle("app-draft--failed", isFailure);
    // Written only when it changes, so that a screen reader is not told the same thing again.
    if (this.status.textContent !== message) this.status.textContent = message;
  }
}
