/**
 * The document of one frame as the trace viewer draws it: nested arrays of names, attributes and texts.
 *
 * Knows what is written and what never is: scripts, handlers, `javascript:` addresses, and what stands in secret fields.
 * What has not changed since the last snapshot is written as a reference to it, `[[snapshots ago, number of the node]]`;
 * nodes are numbered as they end. Whoever asks says which snapshot was kept last, else everything is written again.
 *
 * A form lets its fields hide its own properties, in every world: so nodes are read with the accessors of their types.
 */
(() => {
  if (globalThis.bykiltDom) return;

  const accessor = (type, name) => Object.getOwnPropertyDescriptor(type.prototype, name).get;
  const reader = (type, name) => {
    const read = accessor(type, name);
    return (object) => read.call(object);
  };
  const typeOf = reader(Node, "nodeType");
  const nameOf = reader(Node, "nodeName");
  const firstChildOf = reader(Node, "firstChild");
  const nextOf = reader(Node, "nextSibling");
  const textOf = reader(Node, "textContent");
  const attributesOf = reader(Element, "attributes");
  const shadowOf = reader(Element, "shadowRoot");
  const scrollTopOf = reader(Element, "scrollTop");
  const scrollLeftOf = reader(Element, "scrollLeft");
  const rootOf = reader(Document, "documentElement");
  const doctypeOf = reader(Document, "doctype");
  const sheetsOfDocument = reader(Document, "adoptedStyleSheets");
  const sheetsOfShadow = reader(ShadowRoot, "adoptedStyleSheets");
  const matches = (element, css) => Element.prototype.matches.call(element, css);

  const words = (text) => new Set(text.split(" "));
  const SILENT = words("SCRIPT NOSCRIPT BASE");
  const UNWANTED_LINKS = /\b(preload|prefetch|modulepreload|preconnect|dns-prefetch|prerender|manifest)\b/i;
  const OF_FRAMES = words("src srcdoc sandbox loading");
  const NOT_KEPT = words("integrity nonce ping http-equiv");
  const SECRET_FIELDS = /password|one-time-code|cc-csc|cc-number/i;
  const PLAIN_NAME = /^[a-z][\w.:-]*$/i;
  const PLAIN_ATTRIBUTE = /^[^\s"'<>/=\x00-\x1f]+$/;
  const CODE = /^(javascript|vbscript):/i;
  const HIDDEN_VALUE = "••••••••";
  const STATELESS = words("button checkbox file hidden image radio reset submit");
  /** Up to so many rules, a style sheet is compared rule by rule; above, by their number and its two ends. */
  const SMALL_SHEET = 300;
  /** After so many snapshots, everything is written again: references need not be followed for ever. */
  const RENEWED_AFTER = 100;

  const marks = new WeakMap();
  const secrets = new WeakSet();
  const firstSeen = new WeakMap();
  const BASE = {};
  let kept = new WeakMap();
  let sent = new WeakMap();
  let last = 0;

  const quote = (text) => JSON.stringify(text.toWellFormed());

  class TooLarge {
    constructor(reason) {
      this.reason = reason;
    }
  }

  /** One snapshot while it is made. */
  class Take {
    nodes = 0;
    length = 0;
    numbered = 0;
    overrides = [];
    defined = new Set();

    constructor(number, limits) {
      this.number = number;
      this.limits = limits;
    }

    /**
     * What is written for `key`: a reference where it is as it was. `own` is all of it but its children.
     * `extra` counts the nodes that `own` itself holds.
     */
    settle(key, own, children, text, extra = 0) {
      const before = kept.get(key);
      const isSame = before !== undefined && before.own === own && before.keys.length === children.length &&
        children.every((child, at) => child.isSame && child.key === before.keys[at]);
      if (isSame) return { key, isSame, text: `[[${this.number - before.number},${before.index}]]` };
      this.length += own.length;
      if (this.length > this.limits.length) throw new TooLarge(`it has more than ${this.limits.length} characters`);
      this.numbered += extra;
      kept.set(key, { own, keys: children.map((child) => child.key), number: this.number, index: this.numbered++ });
      return { key, isSame, text: text() };
    }

    node(node, depth) {
      const type = typeOf(node);
      if (type === Node.TEXT_NODE) {
        this.count(depth);
        const text = quote(textOf(node));
        return this.settle(node, text, [], () => text);
      }
      if (type === Node.DOCUMENT_FRAGMENT_NODE) return this.inside(node, "template", { __playwright_shadow_root_: "open" }, depth);
      return type === Node.ELEMENT_NODE ? this.element(node, depth) : null;
    }

    count(depth) {
      if (++this.nodes > this.limits.nodes) throw new TooLarge(`it has more than ${this.limits.nodes} nodes`);
      if (depth > this.limits.depth) throw new TooLarge(`it is more than ${this.limits.depth} elements deep`);
    }

    element(element, depth) {
      const given = nameOf(element);
      const name = PLAIN_NAME.test(given) ? given : "x-element";
      const kind = name.toUpperCase();
      if (SILENT.has(kind)) return null;
      if (this.limits.hidden && matches(element, this.limits.hidden)) return this.leaf(element, `[${quote(name)},{}]`);
      const attributes = attributesFor(element, kind);
      if (kind === "LINK" && !this.link(element)) return null;
      if (name.includes("-") && matches(element, ":defined")) this.defined.add(name.toLowerCase());
      if (kind === "STYLE") return this.style(element, name, attributes, depth);
      return this.inside(element, name, attributes, depth, kind);
    }

    /** An element or shadow tree with what is in it. */
    inside(node, name, attributes, depth, kind = "") {
      this.count(depth);
      const children = [];
      const add = (child) => child && children.push(child);
      const shadow = kind ? shadowOf(node) : null;
      if (shadow) add(this.node(shadow, depth + 1));
      if (kind === "HEAD") add(this.leaf(BASE, `["BASE",{"href":${quote(baseURI())}}]`));
      if (kind !== "TEXTAREA") {
        for (let child = firstChildOf(node); child; child = nextOf(child)) add(this.node(child, depth + 1));
      }
      const sheets = node === rootOf(document) ? sheetsOfDocument(document) : kind ? [] : sheetsOfShadow(node);
      for (const sheet of sheets) add(this.adopted(sheet));
      // Only now are all elements known that the page has defined.
      if (kind === "BODY" && this.defined.size) attributes.__playwright_custom_elements__ = [...this.defined].join(",");
      const own = `${quote(name)},${JSON.stringify(attributes)}`;
      return this.settle(node, own, children, () => `[${[own, ...children.map((child) => child.text)].join(",")}]`);
    }

    leaf(key, text) {
      return this.settle(key, text, [], () => text);
    }

    style(element, name, attributes, depth) {
      this.count(depth);
      const own = `${quote(name)},${JSON.stringify(attributes)},${quote(styleText(element))}`;
      return this.settle(element, own, [], () => `[${own}]`, 1);
    }

    adopted(sheet) {
      const rules = rulesOf(sheet);
      const stamp = rules ? stampOf(rules) : "";
      return this.settle(sheet, stamp, [], () => `["template",{"__playwright_style_sheet_":${quote(rules ? joined(rules) : "")}}]`);
    }

    /** Whether the link is kept. The text of its style sheet goes along if it may not be that of the file any more. */
    link(element) {
      if (UNWANTED_LINKS.test(element.rel)) return false;
      const sheet = element.sheet;
      const rules = sheet && /^https?:/.test(sheet.href ?? "") ? rulesOf(sheet) : null;
      if (!rules) return true;
      const stamp = stampOf(rules);
      if (!firstSeen.has(sheet)) firstSeen.set(sheet, stamp);
      const isChanged = rules.length <= SMALL_SHEET || stamp !== firstSeen.get(sheet);
      if (isChanged && sent.get(sheet) !== stamp) {
        const text = joined(rules);
        this.length += text.length;
        sent.set(sheet, stamp);
        this.overrides.push({ url: sheet.href.split("#", 1)[0], text: text.toWellFormed() });
      }
      return true;
    }
  }

  function baseURI() {
    return accessor(Node, "baseURI").call(document);
  }

  // ---- attributes

  function attributesFor(element, kind) {
    const result = {};
    stateOf(element, kind, result);
    const isFrame = kind === "IFRAME" || kind === "FRAME";
    const isSecret = secrets.has(element);
    for (const { name, value } of attributesOf(element)) {
      const plain = name.toLowerCase();
      if (plain.startsWith("on") || plain.startsWith("__playwright_") || NOT_KEPT.has(plain)) continue;
      if (!PLAIN_ATTRIBUTE.test(name) || isCode(value)) continue;
      if (isFrame && OF_FRAMES.has(plain)) continue;
      if (isSecret && plain === "value") continue;
      if (kind === "DIALOG" && plain === "open") continue;
      if (kind === "META" && plain === "content" && element.hasAttribute("http-equiv")) continue;
      result[name] = value.toWellFormed();
    }
    return result;
  }

  /** Whether a text is an address that runs code; browsers overlook white space and control characters in it. */
  function isCode(value) {
    return /^[\s\x00-\x20]*[jv]/i.test(value) && CODE.test(value.replace(/[\x00-\x20]/g, ""));
  }

  /** What of an element's state its attributes do not tell. */
  function stateOf(element, kind, result) {
    switch (kind) {
      case "INPUT":
        return fieldState(element, result);
      case "TEXTAREA":
        result.__playwright_value_ = holdsSecret(element) ? HIDDEN_VALUE : element.value.toWellFormed();
        break;
      case "OPTION":
        result.__playwright_selected_ = String(element.selected);
        return;
      case "IFRAME":
      case "FRAME":
        result.src = marks.has(element) ? `/snapshot/${marks.get(element)}` : "";
        break;
      case "IMG":
        if (element.currentSrc && !isCode(element.currentSrc)) result.__playwright_current_src__ = element.currentSrc;
        break;
      case "PICTURE":
        result.__playwright_current_src__ = "";
        break;
      case "DIALOG":
        if (element.open) result.__playwright_dialog_open_ = matches(element, ":modal") ? "modal" : "true";
        break;
    }
    if (element.popover && matches(element, ":popover-open")) result.__playwright_popover_open_ = "true";
    const [top, left] = [scrollTopOf(element), scrollLeftOf(element)];
    if (top) result.__playwright_scroll_top_ = String(top);
    if (left) result.__playwright_scroll_left_ = String(left);
  }

  /** Whether a secret of ours has gone into the field; known by the script that put it there, if it is in this world. */
  function holdsSecret(field) {
    return globalThis.bykiltSecrets?.holds(field) ?? false;
  }

  function fieldState(input, result) {
    const { type } = input;
    // A field that was secret once stays so: pages let people look at what they typed.
    const isSecret = type === "password" || SECRET_FIELDS.test(input.getAttribute("autocomplete") ?? "");
    if (isSecret || holdsSecret(input)) secrets.add(input);
    if (secrets.has(input)) {
      if (input.value) result.__playwright_value_ = HIDDEN_VALUE;
    } else if (type === "checkbox" || type === "radio") {
      result.__playwright_checked_ = String(input.checked);
    } else if (!STATELESS.has(type)) {
      result.__playwright_value_ = input.value.toWellFormed();
    }
  }

  // ---- style sheets

  /** The rules of a sheet; null where the page may not read them either. */
  function rulesOf(sheet) {
    try {
      return sheet.disabled ? [] : sheet.cssRules;
    } catch {
      return null;
    }
  }

  const joined = (rules) => Array.from(rules, (rule) => rule.cssText).join("\n");

  function stampOf(rules) {
    if (rules.length <= SMALL_SHEET) return joined(rules);
    return `${rules.length}\n${rules[0].cssText}\n${rules[rules.length - 1].cssText}`;
  }

  /** The text of a `<style>`: as it was written, unless scripts have changed the rules since. */
  function styleText(element) {
    const written = textOf(element);
    const { sheet } = element;
    const rules = sheet ? rulesOf(sheet) : null;
    if (!rules) return written;
    let first = firstSeen.get(sheet);
    if (first?.written !== written) {
      first = { written, stamp: parsedStamp(written) };
      firstSeen.set(sheet, first);
    }
    return stampOf(rules) === first.stamp ? written : joined(rules);
  }

  function parsedStamp(text) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return stampOf(sheet.cssRules);
  }

  // ---- asking

  /**
   * Take a snapshot. `after` is the number of the one that was kept last, 0 for none.
   * @returns {{number: number, text: string} | {reason: string}} `text` is JSON; `reason` says why there is none.
   */
  function take(after, limits) {
    const isWhole = after !== last || after % RENEWED_AFTER === 0;
    if (isWhole) [kept, sent] = [new WeakMap(), new WeakMap()];
    const number = after + 1;
    const made = new Take(number, limits);
    // Not kept if anything goes wrong from here on.
    last = -1;
    let html = '["HTML"]';
    try {
      if (rootOf(document)) html = made.node(rootOf(document), 0).text;
    } catch (error) {
      if (error instanceof TooLarge) return { reason: error.reason };
      throw error;
    }
    if (made.length > limits.length) return { reason: `it has more than ${limits.length} characters` };
    last = number;
    const rest = JSON.stringify({
      number,
      whole: isWhole,
      doctype: doctypeOf(document)?.name ?? "",
      viewport: { width: innerWidth, height: innerHeight },
      overrides: made.overrides,
    });
    return { number, text: `${rest.slice(0, -1)},"html":${html}}` };
  }

  /** Say which frame an `<iframe>` shows. */
  function mark(element, frame) {
    marks.set(element, frame);
  }

  globalThis.bykiltDom = Object.freeze({ mark, take });
})();
