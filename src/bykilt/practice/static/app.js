// On every page: reports clicks to the server, so that a run can be checked from the other side.
// Listens in the capturing phase, so that a handler which stops the event does not hide it.
document.addEventListener("click", (event) => {
  const [inner] = event.composedPath();
  const element = inner instanceof Element ? inner.closest("button, a, input, select, label, summary") : null;
  if (!element) return;
  const target = element.getAttribute("aria-label") || element.name || element.textContent.trim() || element.id;
  const told = { page: location.pathname, target: target.slice(0, 80), is_trusted: event.isTrusted };
  navigator.sendBeacon("/beacon", JSON.stringify(told));
}, true);
