/**
 * Where files go in: which file input is meant by an element, what it takes, and whether a drop was accepted.
 *
 * Waits for nothing and sends no input.
 */
(() => {
  if (globalThis.bykiltFiles) return;
  const { descendants } = globalThis.bykiltTree;
  const { describe, labelTarget } = globalThis.bykiltVisibility;

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

  /** Look out for a drop from now on. */
  function watchDrops() {
    drops?.stop();
    const seen = { accepted: false, stop: () => removeEventListener("drop", note, true) };
    const note = (event) => {
      if (event.isTrusted) seen.accepted = true;
    };
    addEventListener("drop", note, true);
    drops = seen;
    return true;
  }

  /**
   * Whether a drop came since `watchDrops`: the browser sends one only where the page has accepted what was dragged
   * over it. Null if nobody looked out, as in a document that came after the drop.
   */
  function dropped() {
    const seen = drops;
    drops = null;
    seen?.stop();
    return seen && seen.accepted;
  }

  globalThis.bykiltFiles = Object.freeze({ dropped, inputOf, refusal, watchDrops, wayIn });
})();
