/**
 * What can be seen and used of one element, and how to name it in a message.
 *
 * Knows boxes, hidden and disabled states, what lies at a point. Knows nothing of selectors or of waiting.
 * Every "reason" is a short English phrase, or null when there is nothing to say.
 */
(() => {
  if (globalThis.bykiltVisibility) return;
  const { anyShadowOf, closest, drawnParent, isInside, normalise, parent } = globalThis.bykiltTree;

  const MAX_DESCRIPTION = 80;
  const DESCRIBED = ["id", "class", "name", "type", "role", "aria-label", "placeholder", "href", "alt"];
  const LABELABLE = "button,input:not([type=hidden i]),meter,output,progress,select,textarea";
  const TEXTLESS = new Set(["button", "checkbox", "file", "hidden", "image", "radio", "reset", "submit"]);
  const SILENT = new Set(["input", "textarea", "select", "script", "style"]);

  /**
   * Whether a person could see the element: it has a box that is not empty and nothing hides it.
   * `opacity: 0` counts as visible, an element off the screen too. `display: contents` is as visible as its content.
   */
  function isVisible(element) {
    if (!element.isConnected) return false;
    if (element.checkVisibility({ visibilityProperty: true })) return hasArea(element.getBoundingClientRect());
    return getComputedStyle(element).display === "contents" && hasVisibleContent(element);
  }

  function hasArea(rect) {
    return rect.width > 0 && rect.height > 0;
  }

  /** Whether an element without a box of its own has a child with one. */
  function hasVisibleContent(element) {
    for (const node of (element.shadowRoot ?? element).childNodes) {
      if (node.nodeType === Node.ELEMENT_NODE && isVisible(node)) return true;
      if (node.nodeType === Node.TEXT_NODE && hasArea(textBox(node))) {
        if (getComputedStyle(element).visibility === "visible") return true;
      }
    }
    return false;
  }

  function textBox(node) {
    const range = document.createRange();
    range.selectNodeContents(node);
    return range.getBoundingClientRect();
  }

  /** Why `isVisible` says no; null when it says yes. */
  function whyHidden(element) {
    if (!element.isConnected) return "it is not attached to the document";
    if (isVisible(element)) return null;
    for (let at = element, below = null; at; below = at, at = drawnParent(at)) {
      const reason = hidesItself(at, element);
      if (reason) return at === element ? reason : `${reason} on its ancestor ${describe(at)}`;
      const isFolded = below && at.localName === "details" && !at.hasAttribute("open") && below.localName !== "summary";
      if (isFolded) return `it is inside ${describe(at)}, which is closed`;
    }
    if (!getComputedStyle(element).display) return "it is in no slot of its shadow host";
    const rect = element.getBoundingClientRect();
    return `its box is empty (${round(rect.width)} x ${round(rect.height)})`;
  }

  /** What `at` does to hide `element` (itself or below it), or null. */
  function hidesItself(at, element) {
    const style = getComputedStyle(at);
    if (!style.display) return null;
    if (style.display === "none") return "display: none";
    if (at === element && style.visibility !== "visible") return `visibility: ${style.visibility}`;
    if (at === element) return null;
    return style.contentVisibility === "hidden" ? "content-visibility: hidden" : null;
  }

  function round(number) {
    return Math.round(number * 10) / 10;
  }

  /**
   * A short text for a message, such as `<button id="buy" class="x">Buy now</button>`.
   * Holds no value that somebody typed.
   */
  function describe(element) {
    const tag = element.localName;
    let opening = `<${tag}`;
    for (const name of DESCRIBED) {
      const value = element.getAttribute(name);
      const shown = value && ` ${name}="${cut(normalise(value), 30)}"`;
      if (shown && opening.length + shown.length < MAX_DESCRIPTION) opening += shown;
    }
    opening += ">";
    if (SILENT.has(tag)) return opening;
    const room = MAX_DESCRIPTION - opening.length - tag.length - 3;
    // A huge text is not normalised as a whole.
    const text = normalise(element.textContent.slice(0, 2000));
    if (!text || room < 4) return opening;
    return `${opening}${cut(text, room)}</${tag}>`;
  }

  function cut(text, length) {
    return text.length <= length ? text : `${text.slice(0, length - 1).trimEnd()}…`;
  }

  /** Why the element, or the control it is part of, is disabled; null when it is not. */
  function isDisabled(element) {
    if (element.matches(":disabled")) return nativelyDisabled(element);
    for (let at = element; at; at = parent(at)) {
      if (at.getAttribute("aria-disabled")?.toLowerCase() === "true") {
        return at === element ? "aria-disabled is true" : `aria-disabled is true on ${describe(at)}`;
      }
      // The label of a button is often an element inside it.
      if (at !== element && at.localName === "button" && at.matches(":disabled")) return `it is inside ${describe(at)}, which is disabled`;
    }
    return null;
  }

  function nativelyDisabled(element) {
    if (element.hasAttribute("disabled")) return "it has the disabled attribute";
    const group = element.localName === "option" ? element.closest("optgroup:disabled") : null;
    if (group) return "it is inside a disabled <optgroup>";
    return element.closest("fieldset:disabled") ? "it is inside a disabled <fieldset>" : "it is disabled";
  }

  /** Why no text can be put into the element, or into the field that it labels; null when it can. */
  function isEditable(element) {
    const field = labelTarget(element);
    const tag = field.localName;
    if (tag === "select") return "a <select> takes no text, only one of its options";
    if (tag === "input" && TEXTLESS.has(field.type)) return `an <input type="${field.type}"> takes no text`;
    if (tag !== "input" && tag !== "textarea" && !field.isContentEditable) {
      return `${describe(field)} is not an input, a textarea or an editable region`;
    }
    const disabled = isDisabled(field);
    if (disabled) return disabled;
    if ((tag === "input" || tag === "textarea") && field.readOnly) return "it is read-only";
    return field.getAttribute("aria-readonly")?.toLowerCase() === "true" ? "aria-readonly is true" : null;
  }

  /** The control that a click on `element` is for: for a label or its text, what it labels; else `element`. */
  function labelTarget(element) {
    if (element.matches(LABELABLE) || element.isContentEditable) return element;
    const label = closest(element, `label,a,${LABELABLE}`);
    return (label?.localName === "label" && label.control) || element;
  }

  /** The box in CSS pixels from the frame's top left corner: `{x, y, width, height}`. */
  function boxOf(element) {
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x, y, width, height };
  }

  /** The deepest element at a point of the frame's viewport, inside every shadow tree that is known; null outside. */
  function hitTarget(x, y) {
    let found = null;
    for (let root = document; root; root = anyShadowOf(found)) {
      const hit = root.elementFromPoint(x, y);
      if (!hit || hit === found || (found && !root.contains(hit))) break;
      found = hit;
    }
    return found;
  }

  /** What an event is for: it says so only as far as the next closed shadow root, further in its place or the focus. */
  function eventTarget(event) {
    let target = event.composedPath()[0];
    if (!(target instanceof Element) || target.shadowRoot || !anyShadowOf(target)) return target;
    if (event instanceof MouseEvent) {
      const hit = hitTarget(event.clientX, event.clientY);
      return hit && isInside(hit, target) ? hit : target;
    }
    for (let root = anyShadowOf(target); root?.activeElement; root = anyShadowOf(target)) target = root.activeElement;
    return target;
  }

  /** Whether a pointer event at `hit` reaches `element`: it is inside it, or in a label of it. */
  function receives(element, hit) {
    if (isInside(hit, element)) return true;
    const label = closest(hit, "label");
    return label !== null && label.control !== null && labelTarget(element) === label.control;
  }

  globalThis.bykiltVisibility = Object.freeze({
    boxOf,
    describe,
    eventTarget,
    hitTarget,
    isDisabled,
    isEditable,
    isInside,
    isVisible,
    labelTarget,
    receives,
    whyHidden,
  });
})();
