// A record open by break-glass: the time left goes down, and when it is over the record leaves the screen.
// The server refuses by its own clock whatever this page believes.
const EVERY = 15000;

export function startBreakGlass() {
  const banner = document.querySelector("[data-break-glass-ends-at]");
  if (!banner) return;
  const { breakGlassEndsAt, leaveTo } = banner.dataset;
  const offset = Date.parse(document.body.dataset.serverNow) - Date.now();
  const left = banner.querySelector("[data-left]");
  const tell = () => {
    const minutes = Math.floor((Date.parse(breakGlassEndsAt) - Date.now() - offset) / 60000);
    if (minutes < 0) location.replace(leaveTo);
    else left.textContent = `${words(minutes)} left`;
  };
  setInterval(tell, EVERY);
  // A phone that slept has a page that is older than it looks.
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && tell());
  window.addEventListener("pageshow", tell);
}

function words(minutes) {
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  const parts = [];
  if (hours) parts.push(hours === 1 ? "1 hour" : `${hours} hours`);
  if (rest) parts.push(rest === 1 ? "1 minute" : `${rest} minutes`);
  return parts.join(" ") || "less than a minute";
}
