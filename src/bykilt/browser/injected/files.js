/**
 * Where files go in: which file input is meant by an element, what it takes, and whether a drop was accepted.
 *
 * Waits for nothing and sends no input.
 */
(() => {
  if (globalThis.bykiltFiles) return;
  const { descendants } = globalThis.bykiltTree;
  const { describe, labelTarget } = globalThis.bykiltVisibility;
  const { announce } = globalThis.bykiltForms;

  const isFileInput = (element) => element.localName === "input" && element.type === "file";
  const BUTTONS = new Set(["button", "image", "reset", "submit"]);
  let drops = null;

  /** The file input that is meant: the element, the input that it labels, or the one inside it; null for none. */
  function inputOf(element) {
    if (!element) return null;
    return [element, labelTarget(element)].find(isFileInput) ?? descendants(element).find(isFileInput) ?? null;
  }

  /** Why `count` files cannot go into the input; null if they can. */
  function refusal(input, count) {
    if (!isFileInput(input)) return `${describe(input)} takes no files`;
    if (input.webkitdirectory) return "the file input takes a whole folder, no single files";
    return count > 1 && !input.multiple ? "the file input takes one file only" : null;
  }

  /**
   * How `count` files get to the page by the element: `{by: "input"}`, or `{by: "click"}` where a click may open a
   * file chooser; `{refused}` if they cannot, `{blocked, seen}` while they cannot yet.
   */
  function wayIn(element, count) {
    const input = inputOf(element);
    if (!input) return takesOtherThings(element) ? { refused: `${describe(element)} takes no files` } : { by: "click", seen: describe(element) };
    if (input.disabled) return { blocked: "disabled", seen: "the file input is disabled" };
    const refused = refusal(input, count);
    return refused === null ? { by: "input" } : { refused };
  }

  /** Whether a click on it does something of the browser's own that is no file chooser. */
  function takesOtherThings(element) {
    const control = labelTarget(element);
    if (control.localName === "input") return !BUTTONS.has(control.type);
    return control.localName === "select" || control.localName === "textarea" || control.isContentEditable;
  }

  const incoming = new Map();

  /** Begin to take in a file that comes in pieces; `modified` in milliseconds since 1970. */
  function begin(key, name, type, modified) {
    incoming.set(key, { name, options: { type, lastModified: Math.round(modified) }, parts: [] });
  }

  /** Take in the next piece. A Blob for each: the browser may keep those on its disk. */
  function append(key, base64) {
    incoming.get(key).parts.push(new Blob([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))]));
  }

  /** Give an input files that have come in, and tell the page, as after a choice; but such events are not trusted. */
  function give(input, keys) {
    const transfer = new DataTransfer();
    for (const key of keys) {
      const { name, options, parts } = incoming.get(key);
      transfer.items.add(new File(parts, name, options));
      incoming.delete(key);
    }
    input.files = transfer.files;
    announce(input);
    return null;
  }

  /** Look out for what is dragged and dropped from now on. */
  function watchDrops() {
    drops?.stop();
    const seen = { over: null, dropped: false, stop };
    function note(event) {
      if (!event.isTrusted) return;
      if (event.type === "drop") seen.dropped = true;
      else seen.over = event;
    }
    function stop() {
      removeEventListener("dragover", note, true);
      removeEventListener("drop", note, true);
    }
    addEventListener("dragover", note, true);
    addEventListener("drop", note, true);
    drops = seen;
    return true;
  }

  /**
   * Whether the page accepts what was last dragged over it: it does so by preventing the default, and a file input by
   * itself. Null if that cannot be known, as in a document that has come meanwhile.
   */
  function accepting() {
    const over = drops?.over;
    if (!over) return null;
    return over.defaultPrevented || isFileInput(over.composedPath()[0] ?? over.target);
  }

  /** Whether a drop came since `watchDrops`; null if that cannot be known. */
  function dropped() {
    const seen = drops;
    drops = null;
    seen?.stop();
    return seen && seen.dropped;
  }

  globalThis.bykiltFiles = Object.freeze({ accepting, append, begin, dropped, give, inputOf, refusal, watchDrops, wayIn });
})();
