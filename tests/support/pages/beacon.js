// How a page tells the server what happened. The request is synchronous on purpose: when the
// browser has finished with an input event, the server has already heard of it.
function tell(name, details = {}) {
  postAndWait("/beacon?name=" + encodeURIComponent(name), JSON.stringify(details));
}

// Asks for a path, so that `site.hits(path)` counts it.
function hit(path) {
  postAndWait(path, "");
}

function postAndWait(path, body) {
  const request = new XMLHttpRequest();
  request.open("POST", path, false);
  request.setRequestHeader("Content-Type", "application/json");
  request.send(body);
}

// What a test wants to know of a mouse event.
function describe(event) {
  return {
    type: event.type,
    target: event.target.id,
    isTrusted: event.isTrusted,
    button: event.button,
    buttons: event.buttons,
    detail: event.detail,
    offsetX: event.offsetX,
    offsetY: event.offsetY,
    clientX: event.clientX,
    clientY: event.clientY,
    shift: event.shiftKey,
    control: event.ctrlKey,
    alt: event.altKey,
    meta: event.metaKey,
  };
}
