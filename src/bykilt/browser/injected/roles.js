/**
 * ARIA: the role of an element, its state, and whether assistive technology can reach it at all.
 *
 * Knows the implicit roles of HTML (HTML-AAM) and which roles carry which states. Names are made in names.js.
 * Two roles are more generous than HTML-AAM, as browsers are: a password input is a textbox, and the summary of a
 * <details> is a button.
 */
(() => {
  if (globalThis.bykiltRoles) return;
  const { closest, drawnParent, normalise } = globalThis.bykiltTree;
  const { isDisabled } = globalThis.bykiltVisibility;

  const words = (text) => text.split(" ");

  const KNOWN = new Set(words(
    "alert alertdialog application article banner blockquote button caption cell checkbox code columnheader combobox " +
    "comment complementary contentinfo definition deletion dialog directory document emphasis feed figure form generic " +
    "graphics-document graphics-object graphics-symbol grid gridcell group heading img image insertion link list listbox " +
    "listitem log main mark marquee math menu menubar menuitem menuitemcheckbox menuitemradio meter navigation none " +
    "note option paragraph presentation progressbar radio radiogroup region row rowgroup rowheader scrollbar search " +
    "searchbox separator slider spinbutton status strong subscript suggestion superscript switch tab table tablist " +
    "tabpanel term textbox time timer toolbar tooltip tree treegrid treeitem"));

  /** Elements whose role does not depend on anything else. */
  const FIXED = {
    article: "article", blockquote: "blockquote", button: "button", caption: "caption", code: "code",
    datalist: "listbox", dd: "definition", del: "deletion", details: "group", dfn: "term", dialog: "dialog",
    dt: "term", em: "emphasis", fieldset: "group", figure: "figure", h1: "heading", h2: "heading", h3: "heading",
    h4: "heading", h5: "heading", h6: "heading", hgroup: "group", hr: "separator", html: "document",
    ins: "insertion", main: "main", mark: "mark", math: "math", menu: "list", meter: "meter", nav: "navigation",
    ol: "list", optgroup: "group", option: "option", output: "status", p: "paragraph", progress: "progressbar",
    s: "deletion", search: "search", strong: "strong", sub: "subscript", sup: "superscript", svg: "img",
    table: "table", tbody: "rowgroup", textarea: "textbox", tfoot: "rowgroup", thead: "rowgroup", time: "time",
    tr: "row", ul: "list", address: "group",
    b: "generic", bdi: "generic", bdo: "generic", body: "generic", data: "generic", div: "generic", i: "generic",
    pre: "generic", q: "generic", samp: "generic", small: "generic", span: "generic", u: "generic",
  };

  const SECTIONING = "article,aside,main,nav,section,[role=article],[role=complementary],[role=main],[role=navigation],[role=region]";

  /** Elements whose role depends on attributes or surroundings. */
  const DEPENDING = {
    a: (element) => (element.hasAttribute("href") ? "link" : "generic"),
    area: (element) => (element.hasAttribute("href") ? "link" : "generic"),
    aside: (element) => (inSection(element) && !isNamed(element) ? "generic" : "complementary"),
    footer: (element) => (inSection(element) ? "generic" : "contentinfo"),
    form: (element) => (isNamed(element) ? "form" : null),
    header: (element) => (inSection(element) ? "generic" : "banner"),
    img: (element) => (element.getAttribute("alt") === "" && !isNamed(element) && !isGlobal(element) ? "none" : "img"),
    input: inputRole,
    li: (element) => (element.parentNode?.matches?.("ul,ol,menu,[role=list]") ? "listitem" : "generic"),
    section: (element) => (isNamed(element) ? "region" : "generic"),
    select: (element) => (element.multiple || element.size > 1 ? "listbox" : "combobox"),
    summary: (element) => (element.matches("details > summary:first-of-type") ? "button" : null),
    td: (element) => (closest(element, "table")?.matches("[role=grid],[role=treegrid]") ? "gridcell" : "cell"),
    th: headerRole,
  };

  const INPUTS = {
    button: "button", checkbox: "checkbox", file: "button", hidden: null, image: "button", number: "spinbutton",
    radio: "radio", range: "slider", reset: "button", submit: "button",
  };

  function inputRole(input) {
    const type = input.type;
    if (Object.hasOwn(INPUTS, type)) return INPUTS[type];
    if (input.list && /^(text|search|email|tel|url)$/.test(type)) return "combobox";
    return type === "search" ? "searchbox" : "textbox";
  }

  function headerRole(cell) {
    const scope = (cell.getAttribute("scope") ?? "").toLowerCase();
    if (scope.startsWith("row")) return "rowheader";
    if (scope.startsWith("col") || closest(cell, "thead")) return "columnheader";
    return cell.parentNode?.querySelector?.(":scope > td") ? "rowheader" : "columnheader";
  }

  function inSection(element) {
    const above = element.parentNode;
    return above?.nodeType === Node.ELEMENT_NODE && closest(above, SECTIONING) !== null;
  }

  /** Whether the author gave a name by attribute. */
  function isNamed(element) {
    return ["aria-label", "aria-labelledby", "title"].some((name) => (element.getAttribute(name) ?? "").trim() !== "");
  }

  const GLOBAL = words(
    "aria-atomic aria-busy aria-controls aria-current aria-describedby aria-details aria-flowto aria-keyshortcuts " +
    "aria-label aria-labelledby aria-live aria-owns aria-relevant aria-roledescription");

  /** Whether the author marked the element in a way that a presentational role must not wipe out. */
  function isGlobal(element) {
    return GLOBAL.some((name) => element.hasAttribute(name));
  }

  function isFocusable(element) {
    if (element.hasAttribute("tabindex")) return true;
    return element.matches("a[href],button,select,textarea,input:not([type=hidden i]),summary") && !element.matches(":disabled");
  }

  /** The role of the element: what the author said, else what HTML implies; null for none. */
  function role(element) {
    const asked = element.getAttribute("role");
    if (asked) {
      const said = words(asked.toLowerCase()).find((word) => KNOWN.has(word));
      const isPresentational = said === "none" || said === "presentation";
      if (said && !(isPresentational && (isGlobal(element) || isFocusable(element)))) {
        if (isPresentational) return "none";
        return said === "image" ? "img" : said;
      }
    }
    if (isPartOfPresentation(element)) return "none";
    return implicitRole(element);
  }

  function implicitRole(element) {
    const tag = element.localName;
    if (Object.hasOwn(FIXED, tag)) return FIXED[tag];
    return Object.hasOwn(DEPENDING, tag) ? DEPENDING[tag](element) : null;
  }

  const OWNERS = {
    li: "ul,ol,menu", tbody: "table", thead: "table", tfoot: "table", tr: "table", td: "table", th: "table", caption: "table",
  };

  /** Rows, cells and items lose their role with the table or list they belong to. */
  function isPartOfPresentation(element) {
    const owner = Object.hasOwn(OWNERS, element.localName) && element.closest(OWNERS[element.localName]);
    return owner ? /^\s*(none|presentation)\b/i.test(owner.getAttribute("role") ?? "") : false;
  }

  let memory = null;

  /**
   * Run `work` with what is found out about the page kept until it returns. The page must not change in it.
   * Within it, what matches the CSS selector `leftOut` counts as not there, with all that it holds.
   */
  function cached(work, leftOut = "") {
    if (memory) return work();
    memory = { withdrawn: new Map(), labels: new Map(), leftOut };
    try {
      return work();
    } finally {
      memory = null;
    }
  }

  /** The labels of a control, in order. Its own `labels` searches the whole document, for every control again. */
  function labelsOf(control) {
    const tree = control.getRootNode();
    let labels = memory?.labels.get(tree);
    if (!labels) {
      labels = Map.groupBy(tree.querySelectorAll("label"), (label) => label.control);
      memory?.labels.set(tree, labels);
    }
    return labels.get(control) ?? [];
  }

  /** Whether assistive technology cannot reach the element: it is not rendered, inert, or in an aria-hidden part. */
  function isHiddenForAria(element) {
    const shown = element.matches("option,optgroup") ? (element.closest("select") ?? element) : element;
    return isUnrendered(shown) || isWithdrawn(element);
  }

  function isUnrendered(element) {
    if (element.checkVisibility({ visibilityProperty: true })) return false;
    return getComputedStyle(element).visibility !== "visible" || !isLaidOut(element);
  }

  /** Whether the element has a box, or has none only because of `display: contents`. */
  function isLaidOut(element) {
    if (element.checkVisibility()) return true;
    const above = getComputedStyle(element).display === "contents" ? drawnParent(element) : null;
    return above !== null && isLaidOut(above);
  }

  /** Whether the element, or what it stands in, is to be left out. */
  function isLeftOut(element) {
    if (!memory?.leftOut) return false;
    for (let each = element; each; each = drawnParent(each)) if (each.matches(memory.leftOut)) return true;
    return false;
  }

  /** Whether the element or an ancestor is aria-hidden or inert. */
  function isWithdrawn(element) {
    const known = memory?.withdrawn.get(element);
    if (known !== undefined) return known;
    let answer = element.getAttribute("aria-hidden")?.toLowerCase() === "true" || element.hasAttribute("inert");
    if (!answer) {
      const above = drawnParent(element);
      answer = above !== null && isWithdrawn(above);
    }
    memory?.withdrawn.set(element, answer);
    return answer;
  }

  const CARRIES = {
    checked: new Set(words("checkbox menuitemcheckbox menuitemradio option radio switch treeitem")),
    expanded: new Set(words(
      "application button checkbox columnheader combobox gridcell group link listbox menuitem menuitemcheckbox " +
      "menuitemradio row rowheader switch tab treeitem")),
    pressed: new Set(["button"]),
    selected: new Set(words("columnheader gridcell option row rowheader tab treeitem")),
  };

  /**
   * The states of the element. Null where its role does not have the state, or nothing says it.
   * @returns {{checked: boolean|"mixed"|null, disabled: boolean, expanded: boolean|null, level: number|null,
   *   pressed: boolean|"mixed"|null, selected: boolean|null}}
   */
  function states(element, itsRole = role(element)) {
    const carries = (state) => CARRIES[state].has(itsRole);
    return {
      checked: carries("checked") ? checkedState(element) : null,
      disabled: isDisabled(element) !== null,
      expanded: carries("expanded") ? expandedState(element) : null,
      level: level(element, itsRole),
      pressed: carries("pressed") ? ariaState(element, "aria-pressed") : null,
      selected: carries("selected") ? selectedState(element) : null,
    };
  }

  /** true, false or "mixed" as an attribute says; null when it does not. */
  function ariaState(element, attribute) {
    const value = normalise(element.getAttribute(attribute) ?? "").toLowerCase();
    if (value === "mixed") return value;
    return value === "true" ? true : value === "false" ? false : null;
  }

  function checkedState(element) {
    if (element.localName !== "input" || !/^(checkbox|radio)$/.test(element.type)) return ariaState(element, "aria-checked");
    return element.indeterminate ? "mixed" : element.checked;
  }

  function expandedState(element) {
    const details = element.localName === "summary" ? element.closest("details") : element;
    return details?.localName === "details" ? details.hasAttribute("open") : ariaState(element, "aria-expanded");
  }

  function selectedState(element) {
    return element.localName === "option" ? element.selected : ariaState(element, "aria-selected");
  }

  function level(element, itsRole) {
    const said = Number(element.getAttribute("aria-level"));
    if (said > 0) return said;
    const heading = itsRole === "heading" && /^h([1-6])$/.exec(element.localName);
    return heading ? Number(heading[1]) : null;
  }

  globalThis.bykiltRoles = Object.freeze({
    cached,
    checkedState,
    isHiddenForAria,
    isLeftOut,
    labelsOf,
    name: (element) => globalThis.bykiltNames.name(element),
    role,
    states,
  });
})();
