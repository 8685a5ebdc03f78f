// The session's end, by the server's clock: a warning in time, tabs in step, and typed text kept.
import { pageHoldsText } from "./forms.js";

const data = document.body.dataset;
const listeners = [];
const channel = "BroadcastChannel" in window ? new BroadcastChannel("session") : null;

let endsAt = NaN;
let clockOffset = 0;
let timer = null;
let announced = "";
let dialog = null;
let isOver = false;

export function startSession() {
  dialog = document.getElementById("session-dialog");
  if (!data.sessionUrl || !dialog || !dialog.showModal) return;

  clockOffset = Date.parse(data.serverNow) - Date.now();
  endsAt = Date.parse(data.sessionEndsAt);
  part("extend").addEventListener("submit", (event) => {
    event.preventDefault();
    extend();
  });
  part("leave").addEventListener("click", () => document.querySelector("[data-sign-out]").requestSubmit());
  part("recheck").addEventListener("click", recheck);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    if (!isOver) extend();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") isOver ? recheck() : watch();
  });
  window.addEventListener("focus", () => isOver && recheck());
  document.querySelectorAll("[data-sign-out]").forEach((form) => {
    // Other tabs ask the server a moment later, when this one has signed out.
    form.addEventListener("submit", () => tell({ signedOut: true }));
  });
  if (channel) {
    channel.addEventListener("message", ({ data: message }) => {
      if (message.user !== data.sessionUser) {
        setTimeout(check, 2000);
      } else if (message.endsAt && message.endsAt > (endsAt || 0)) {
        endsAt = message.endsAt;
        isOver ? recheck() : closeWarning();
      } else if (message.signedOut) {
        setTimeout(check, 2000);
      }
    });
    tell({ endsAt });
  }
  watch();
}

export function onSignedInAgain(listener) {
  listeners.push(listener);
}

// Called when a request of this page was answered "signed out".
export function sessionIsOver() {
  if (!dialog || isOver) return;
  tell({ signedOut: true });
  if (!pageHoldsText() && data.signedOutUrl) {
    window.location.assign(data.signedOutUrl);
    return;
  }
  isOver = true;
  clearTimeout(timer);
  part("warning").hidden = true;
  part("over").hidden = false;
  dialog.setAttribute("aria-labelledby", "session-over-heading");
  dialog.removeAttribute("aria-describedby");
  dialog.classList.add("app-session--over");
  open("session-over-heading");
}

function part(name) {
  return dialog.querySelector(`[data-session-${name}]`);
}

function tell(message) {
  if (channel) channel.postMessage({ user: data.sessionUser, ...message });
}

function remaining() {
  return endsAt - (Date.now() + clockOffset);
}

// Sleeps until the warning is due; then asks the server, since another tab may have carried on.
function watch() {
  clearTimeout(timer);
  if (isOver || Number.isNaN(endsAt)) return;
  const untilWarning = remaining() - Number(data.warningSeconds) * 1000;
  if (untilWarning > 0) {
    timer = setTimeout(watch, Math.min(untilWarning, 3600000));
  } else if (dialog.open) {
    countDown();
  } else {
    check();
  }
}

async function ask(method = "GET") {
  const headers = { Accept: "application/json" };
  if (method === "POST") headers["X-CSRFToken"] = dialog.querySelector("[name=csrfmiddlewaretoken]")?.value || "";
  else headers["X-Autosave"] = "1";
  const response = await fetch(data.sessionUrl, {
    method,
    headers,
    credentials: "same-origin",
    redirect: "manual",
    cache: "no-store",
  });
  if (response.status >= 500) throw new Error("The service is not answering");
  const answer = await response.json().catch(() => ({}));
  return response.ok && answer.ends_at ? answer : null;
}

function take(answer) {
  endsAt = Date.parse(answer.ends_at);
  if (answer.now) clockOffset = Date.parse(answer.now) - Date.now();
}

function isSomebodyElse(answer) {
  return Boolean(answer.user) && String(answer.user) !== data.sessionUser;
}

async function check() {
  if (isOver) return;
  let answer;
  try {
    answer = await ask();
  } catch {
    // No signal: the last time the server named still holds.
    return remaining() > 0 ? warn() : sessionIsOver();
  }
  if (!answer || isSomebodyElse(answer)) return sessionIsOver();
  take(answer);
  if (remaining() <= 0) return sessionIsOver();
  remaining() <= Number(data.warningSeconds) * 1000 ? warn() : closeWarning();
}

function warn() {
  if (!dialog.open) open("session-heading");
  countDown();
}

function open(headingId) {
  if (!dialog.open) dialog.showModal();
  document.getElementById(headingId).focus();
}

function countDown() {
  clearTimeout(timer);
  const seconds = Math.ceil(remaining() / 1000);
  if (seconds <= 0) {
    check();
    return;
  }
  part("countdown").textContent = inWords(seconds);
  const milestone = [20, 60].find((limit) => seconds <= limit);
  if (milestone && announced !== String(milestone)) {
    announced = String(milestone);
    part("announcement").textContent = `You will be signed out in ${inWords(seconds)}.`;
  }
  timer = setTimeout(countDown, 1000);
}

function inWords(seconds) {
  if (seconds > 60) {
    const minutes = Math.ceil(seconds / 60);
    return minutes === 1 ? "1 minute" : `${minutes} minutes`;
  }
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}

function closeWarning() {
  announced = "";
  if (dialog.open && !isOver) dialog.close();
  watch();
}

async function extend() {
  try {
    const answer = await ask("POST");
    if (!answer) return sessionIsOver();
    take(answer);
    tell({ endsAt });
    closeWarning();
  } catch {
    part("announcement").textContent = "No signal. Try again.";
  }
}

// After signing in again in another tab: the same person carries on here, nobody else can.
async function recheck() {
  let answer;
  try {
    answer = await ask();
  } catch {
    part("result").textContent = "No signal. Try again in a moment.";
    return;
  }
  if (!answer) {
    part("result").textContent = "You are not signed in yet.";
    return;
  }
  if (isSomebodyElse(answer)) {
    part("result").textContent =
      "Somebody else is signed in in this browser. Sign in as yourself to carry on with this text.";
    return;
  }
  if (answer.csrf_token) {
    document.querySelectorAll("[name=csrfmiddlewaretoken]").forEach((input) => {
      input.value = answer.csrf_token;
    });
  }
  isOver = false;
  take(answer);
  part("warning").hidden = false;
  part("over").hidden = true;
  part("result").textContent = "";
  dialog.setAttribute("aria-labelledby", "session-heading");
  dialog.setAttribute("aria-describedby", "session-text");
  dialog.classList.remove("app-session--over");
  closeWarning();
  listeners.forEach((listener) => listener());
}
