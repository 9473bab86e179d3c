// A file of its own, run before the first paint: a page that was set to dark must not flash white.
try {
  const chosen = localStorage.getItem("rltrack-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; the system's theme is used then.
}
