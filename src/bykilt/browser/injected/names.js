/**
 * The accessible name of an element.
 *
 * Knows the order in which a name is looked for (accname 1.2) and what HTML adds to it. Two limits, on purpose: what
 * a style sheet puts into ::before and ::after is no part of a name (icon fonts would spoil exact names), and the
 * text of a password input never is.
 */
(() => {
  if (globalThis.bykiltNames) return;
  const { drawnChildren, normalise } = globalThis.bykiltTree;
  const { caption } = globalThis.bykiltText;
  const { cached, isHiddenForAria, isLeftOut, labelsOf, role } = globalThis.bykiltRoles;

  const words = (text) => new Set(text.split(" "));

  const FROM_CONTENT = words(
    "button cell checkbox columnheader gridcell heading link menuitem menuitemcheckbox menuitemradio option radio row " +
    "rowheader switch tab tooltip treeitem");

  const NAMELESS = words(
    "caption code definition deletion emphasis generic insertion mark none paragraph strong subscript suggestion " +
    "superscript term time");

  const SCALES = words("meter progressbar scrollbar slider spinbutton");
  const LABELABLE = words("button input meter output progress select textarea");
  const WITHOUT_TEXT = words("script style noscript template head");

  /** The accessible name, white space normalised; "" where there is none. */
  function name(element) {
    if (NAMELESS.has(role(element))) return "";
    return cached(() => normalise(compute(element, { seen: new Set() })));
  }

  /**
   * The name of one element, or its part in the name of another.
   * @param {{seen: Set<Element>, inside?: boolean, referenced?: boolean, hidden?: boolean}} walk
   *   `inside`: it is only a part of the name; `referenced`: aria-labelledby was followed, which happens once;
   *   `hidden`: what was referred to is hidden, so being hidden is no reason to leave it out.
   */
  function compute(element, walk) {
    if (walk.seen.has(element) || WITHOUT_TEXT.has(element.localName) || isLeftOut(element)) return "";
    if (walk.inside && !walk.hidden && isHiddenForAria(element)) return "";
    if (!walk.referenced) {
      const text = referencedText(element);
      if (normalise(text)) return text;
    }
    const seen = new Set(walk.seen).add(element);
    const itsRole = role(element);
    if (walk.inside) {
      const value = embeddedValue(element, itsRole);
      if (value !== null) return value;
    }
    const label = element.getAttribute("aria-label") ?? "";
    if (normalise(label)) return label;
    return nativeName(element, itsRole, { ...walk, seen }) || contentName(element, itsRole, { ...walk, seen }) || tooltip(element);
  }

  function referencedText(element) {
    const ids = normalise(element.getAttribute("aria-labelledby") ?? "");
    if (!ids) return "";
    const tree = element.getRootNode();
    const targets = ids.split(" ").map((id) => tree.getElementById?.(id)).filter(Boolean);
    return targets.map((target) => compute(target, part(target, new Set(), { referenced: true }))).join(" ");
  }

  /** How to walk into an element that a name refers to. */
  function part(target, seen, more = {}) {
    return { seen, inside: true, hidden: isHiddenForAria(target), ...more };
  }

  /** What a control that stands inside a name adds to it: its value. Null where the element is no such control. */
  function embeddedValue(element, itsRole) {
    if (itsRole === "textbox" || itsRole === "searchbox") return fieldValue(element);
    if (itsRole === "combobox" || itsRole === "listbox") return chosenText(element);
    if (!SCALES.has(itsRole)) return null;
    return element.getAttribute("aria-valuetext") ?? element.getAttribute("aria-valuenow") ?? fieldValue(element);
  }

  function fieldValue(element) {
    if (element.localName === "input") return element.type === "password" ? "" : element.value;
    if (element.localName === "meter" || element.localName === "progress") return String(element.value);
    return element.localName === "textarea" ? element.value : element.textContent;
  }

  function chosenText(element) {
    if (element.localName === "select") return [...element.selectedOptions].map((option) => option.label).join(" ");
    if (element.localName === "input") return element.value;
    const chosen = [...element.querySelectorAll("[role=option][aria-selected=true]")];
    return chosen.map((option) => option.textContent).join(" ");
  }

  /** The name by the means of HTML: a label, a caption, an alternative text. */
  function nativeName(element, itsRole, walk) {
    const tag = element.localName;
    if (tag === "input" && caption(element)) return caption(element);
    const labels = LABELABLE.has(tag) ? labelsOf(element) : [];
    if (labels.length) {
      const text = labels.map((label) => compute(label, part(label, walk.seen, { referenced: walk.referenced }))).join(" ");
      if (normalise(text)) return text;
    }
    if (tag === "input" && element.type === "image") return element.getAttribute("alt") || element.getAttribute("title") || "Submit";
    if (tag === "input" || tag === "textarea") return element.getAttribute("title") || placeholder(element);
    if (tag === "img" || tag === "area") return element.getAttribute("alt") ?? "";
    if (tag === "optgroup" || tag === "option") return element.getAttribute("label") ?? "";
    const inner = captionElement(element, tag);
    return inner ? compute(inner, part(inner, walk.seen, { referenced: walk.referenced })) : "";
  }

  function placeholder(field) {
    return field.getAttribute("placeholder") || field.getAttribute("aria-placeholder") || "";
  }

  const CAPTIONS = { fieldset: "legend", figure: "figcaption", table: "caption", svg: "title" };

  function captionElement(element, tag) {
    if (!Object.hasOwn(CAPTIONS, tag)) return null;
    return [...element.childNodes].find((child) => child.localName === CAPTIONS[tag]) ?? null;
  }

  /** The text inside, where the role takes its name from there or where it is only a part of another name. */
  function contentName(element, itsRole, walk) {
    if (!walk.inside && !FROM_CONTENT.has(itsRole)) return "";
    let text = "";
    for (const child of drawnChildren(element)) {
      if (child.nodeType === Node.TEXT_NODE) text += child.data;
      if (child.nodeType !== Node.ELEMENT_NODE) continue;
      const inner = compute(child, { ...walk, inside: true });
      text += isInline(child) ? inner : ` ${inner} `;
    }
    return normalise(text) ? text : "";
  }

  function isInline(element) {
    return element.localName !== "br" && /^(inline|contents)$/.test(getComputedStyle(element).display);
  }

  function tooltip(element) {
    return element.getAttribute("title") ?? "";
  }

  globalThis.bykiltNames = Object.freeze({ name });
})();
