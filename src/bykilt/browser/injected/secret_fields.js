/**
 * Fields into which secrets go: found, painted over, and filled, all in one document; and what the page shows of them.
 *
 * Knows which fields those are. Whether a secret may go into one is decided outside, between `find` and `put`: so
 * nothing secret comes here before, and `put` works only on the field that `find` has shown.
 */
(() => {
  if (globalThis.bykiltSecrets) return;
  const { pick } = globalThis.bykiltSelectors;
  const { describe, labelTarget } = globalThis.bykiltVisibility;
  const forms = globalThis.bykiltForms;
  const { diagnose } = globalThis.bykiltState;

  const NEEDS = ["visible", "enabled", "editable"];
  const LOOK_AGAIN_MS = 20;
  const fields = new WeakSet();
  let held = null;

  const pause = () => new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));

  /**
   * Wait until the field can be typed into, for `sliceMs` at most, and paint it over.
   * @returns {Promise<{ok: true, origin: string, password: boolean}|{ok: false, blocked: string, seen: string}>}
   */
  async function find(alternatives, sliceMs) {
    const deadline = performance.now() + sliceMs;
    for (;;) {
      const { blocked, seen } = diagnose(document, alternatives, { needs: NEEDS });
      if (!blocked) {
        held = labelTarget(pick(document, alternatives));
        paintOver(held);
        // In a world of our own the page cannot say that it is of another origin.
        return { ok: true, origin: globalThis.origin, password: held.localName === "input" && held.type === "password" };
      }
      if (performance.now() >= deadline) return { ok: false, blocked, seen };
      await pause();
    }
  }

  /** What stands in the field is drawn neither on the screen nor into a picture, whatever the page makes of the field. */
  function paintOver(field) {
    fields.add(field);
    field.style.setProperty("-webkit-text-security", "disc", "important");
    field.style.setProperty("-webkit-text-fill-color", "transparent", "important");
  }

  /**
   * Put the text into the field that was found last; with `replace` instead of what it holds.
   *
   * It goes in as a person's input would, into this document and nowhere else: input sent from outside goes to
   * whatever has the focus by then.
   * @returns {{ok: true}|{refused: string}|{blocked: string, seen: string}}
   */
  function put(text, replace) {
    const field = held;
    held = null;
    if (!field?.isConnected) return { blocked: "detached", seen: "" };
    if (replace) {
      const set = forms.setTypedValue(field, text);
      // Its own reason would repeat the text.
      if (set.handled) return set.ok ? { ok: true } : { refused: `it does not fit an <input type="${field.type}">` };
      const prepared = forms.prepareFill(field);
      if (!prepared.ok) return { blocked: "not_editable", seen: prepared.reason };
    } else {
      field.focus();
    }
    // What listens for the focus may have passed it on.
    if (!field.matches(":focus") && !field.matches(":focus-within")) {
      return { blocked: "not_editable", seen: `${describe(field)} does not keep the focus` };
    }
    document.execCommand("insertText", false, text);
    return { ok: true };
  }

  // ---- what the page shows

  const NAME = "bykilt-secret";
  const RULE = `::highlight(${NAME}) { color: transparent; background-color: #444 }`;
  const texts = new Set();
  let highlight = null;

  /**
   * Paint these texts over wherever the document shows them, now and as it changes; true when that is done.
   *
   * Changes are heard of before they are painted. The document itself stays as it is.
   */
  function hide(values) {
    for (const value of values) texts.add(value);
    if (!highlight) {
      highlight = new Highlight();
      CSS.highlights.set(NAME, highlight);
      watch(document);
    }
    search(document);
    return true;
  }

  function watch(root) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(RULE);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    new MutationObserver((records) => {
      for (const { target, addedNodes } of records) {
        if (target.nodeType === Node.TEXT_NODE) searchText(target);
        for (const node of addedNodes) search(node);
      }
    }).observe(root, { subtree: true, childList: true, characterData: true });
    watched.add(root);
  }

  const watched = new WeakSet();

  function search(root) {
    if (root.nodeType === Node.TEXT_NODE) return searchText(root);
    if (root.nodeType === Node.ELEMENT_NODE) searchElement(root);
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.nodeType === Node.TEXT_NODE) searchText(node);
      else searchElement(node);
    }
  }

  function searchElement(element) {
    const { localName, shadowRoot } = element;
    if ((localName === "input" || localName === "textarea") && holdsText(element.value) && !fields.has(element)) {
      paintOver(element);
    }
    if (shadowRoot) {
      if (!watched.has(shadowRoot)) watch(shadowRoot);
      search(shadowRoot);
    }
  }

  function holdsText(value) {
    for (const text of texts) if (value.includes(text)) return true;
    return false;
  }

  /** Whether a text stands in a field that is painted over as a whole. */
  function isInField(node) {
    for (let around = node.parentNode; around; around = around.parentNode) if (fields.has(around)) return true;
    return false;
  }

  function searchText(node) {
    if (isInField(node)) return;
    for (const text of texts) {
      for (let at = node.data.indexOf(text); at >= 0; at = node.data.indexOf(text, at + text.length)) {
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + text.length);
        highlight.add(range);
        // A highlight does not reach what is drawn as a shape.
        if (node.parentNode instanceof SVGElement) node.parentNode.style.setProperty("opacity", "0", "important");
      }
    }
  }

  /** Whether a secret has gone into this element. */
  function holds(element) {
    return fields.has(element);
  }

  globalThis.bykiltSecrets = Object.freeze({ find, hide, holds, put });
})();
