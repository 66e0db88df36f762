/**
 * The page as assistive technology has it: a compact tree of roles, names, states and values.
 *
 * Knows what is left out: what is hidden, what is decoration, and boxes that mean nothing (their content moves up).
 * Does not look into frames: a frame is a node, and whoever asked for the tree puts the frame's own tree there.
 * What somebody typed into a password field is never in it.
 */
(() => {
  if (globalThis.bykiltSnapshot) return;
  const { drawnChildren, drawnParent, normalise } = globalThis.bykiltTree;
  const { cached, isHiddenForAria, isLeftOut, name, role, states } = globalThis.bykiltRoles;
  const { numbering } = globalThis.bykiltReferences;
  const { pick } = globalThis.bykiltSelectors;

  const words = (text) => new Set(text.split(" "));

  /** Roles that say nothing about what can be done: their content stands for itself. */
  const PLAIN = words(
    "blockquote caption code definition deletion emphasis generic insertion mark none paragraph presentation rowgroup " +
    "strong subscript superscript term time");
  /** Roles that take their name from what is in them, and are mostly nothing but that text. */
  const LABELS = words("button checkbox heading link menuitem menuitemcheckbox menuitemradio option radio switch tab tooltip");
  /** Roles whose text is shown as text, unless the author named them. */
  const CELLS = words("cell columnheader gridcell row rowheader treeitem");
  const DECORATION = words("img separator graphics-symbol graphics-document graphics-object");
  const FIELDS = words("combobox searchbox spinbutton textbox");
  const SCALES = words("meter progressbar scrollbar slider");
  const SILENT = words("script style noscript template head title meta link base");
  const LEAVES = words("input textarea iframe frame img svg video audio canvas object embed");
  /** Controls whose label is their name. */
  const ECHOED = words("button checkbox combobox listbox meter progressbar radio searchbox slider spinbutton switch textbox");
  const HIDDEN_VALUE = "•••";
  const MAX_TEXT = 500;

  /**
   * The tree below the picked element, or of the whole document where `alternatives` is null.
   *
   * options: `start`, the first number that may be given out; `limit`, how many nodes at most; `leftOut`, the CSS
   * selectors of what is to be left out with all that it holds.
   * @returns {null|{tree: object, next: number, shown: number, more: number, frames: string[]}} null when nothing matched.
   *   `more` counts the nodes that were left out; `frames` lists the references of the frames in the tree.
   */
  function take(root, alternatives, { start, limit, leftOut = [] }) {
    const element = alternatives ? pick(root, alternatives) : null;
    if (alternatives && !element) return null;
    const tree = cached(() => (element ? ofElement(root, element) : ofDocument(root)), leftOut.join());
    return pruned(tree, numbering(start), limit);
  }

  function ofElement(root, element) {
    const nodes = outer(element);
    return nodes.length === 1 && nodes[0].element ? nodes[0] : ofDocument(root, nodes);
  }

  function ofDocument(root, nodes = outer(root.body ?? root.documentElement)) {
    return { role: "document", name: short(root.title ?? ""), url: root.URL, children: withoutEchoes(nodes) };
  }

  /** The nodes of one element, without the text that runs on around it. */
  function outer(element) {
    if (!element) return [];
    const flow = new Flow();
    visit(element, flow);
    return flow.end();
  }

  function inner(element) {
    const flow = new Flow();
    for (const child of contentOf(element)) visit(child, flow);
    return flow.end();
  }

  /** What is drawn inside an element: of a <details> that is closed, its summary only. */
  function contentOf(element) {
    const isFolded = element.localName === "details" && !element.hasAttribute("open");
    return isFolded ? [...element.childNodes].filter((child) => child.localName === "summary").slice(0, 1) : drawnChildren(element);
  }

  function visit(node, flow) {
    if (node.nodeType === Node.TEXT_NODE) flow.text(node);
    if (node.nodeType !== Node.ELEMENT_NODE || SILENT.has(node.localName) || isWithdrawn(node) || isLeftOut(node)) return;
    const isHidden = isHiddenForAria(node);
    if (isHidden && !mayShowInside(node)) return;
    const itsRole = isHidden ? null : roleOf(node);
    if (itsRole === null) through(node, flow);
    else flow.node(describe(node, itsRole));
  }

  /** An element that means nothing by itself. */
  function through(element, flow) {
    if (LEAVES.has(element.localName)) return;
    const isBlock = element.localName === "br" || !/^(inline|contents)$/.test(getComputedStyle(element).display);
    if (isBlock) flow.flush();
    for (const child of drawnChildren(element)) visit(child, flow);
    if (isBlock) flow.flush();
  }

  /** The node of one element with all that is in it; null for decoration. */
  function describe(element, itsRole) {
    const isOwn = !CELLS.has(itsRole) || isNamedByAuthor(element);
    const given = !isOwn ? "" : itsRole === "iframe" ? frameName(element) : name(element);
    if (DECORATION.has(itsRole) && !given) return null;
    const node = { role: itsRole, element };
    if (given) node.name = short(given);
    Object.assign(node, stateOf(element, itsRole));
    const value = valueOf(element, itsRole);
    if (value !== null) node.value = short(value);
    if (!LEAVES.has(element.localName) && !isEditable(element)) addContent(node, given, inner(element));
    return node;
  }

  /** Put text and children into a node so that nothing is said twice. */
  function addContent(node, given, children) {
    children = withoutEchoes(children, given);
    const others = children.filter((child) => child.role !== "text");
    let kept = children;
    if (LABELS.has(node.role) && given) {
      kept = others.filter((child) => child.role !== "img" || !given.includes(child.name));
    } else if (children.length === 1 && !others.length) {
      node.text = children[0].text;
      kept = [];
    }
    if (kept.length) node.children = kept;
  }

  /** The nodes without texts that only repeat the name of what they stand in, or label what stands beside them. */
  function withoutEchoes(nodes, given) {
    const isNamed = (node, text) => node !== undefined && ECHOED.has(node.role) && node.name === text;
    return nodes.filter(({ role, text }, at) => role !== "text" || !(text === given || isNamed(nodes[at + 1], text) || isNamed(nodes[at - 1], text)));
  }

  /** Keep the first `limit` nodes in the order of reading, give those their references, and count the rest. */
  function pruned(tree, give, limit) {
    const frames = [];
    let [shown, more] = [0, 0];
    const keep = (node) => {
      if (shown >= limit) {
        more += count(node);
        return null;
      }
      shown++;
      const { element, children, ...said } = node;
      if (element) said.ref = `e${give(element)}`;
      if (said.role === "iframe") frames.push(said.ref);
      const kept = (children ?? []).map(keep).filter(Boolean);
      if (kept.length) said.children = kept;
      return said;
    };
    const kept = keep(tree) ?? { role: tree.role };
    return { tree: kept, next: give.next, shown, more, frames };
  }

  function count(node) {
    return 1 + (node.children ?? []).reduce((sum, child) => sum + count(child), 0);
  }

  /** What stands one after the other inside a node: pieces of text that run on, and nodes. */
  class Flow {
    nodes = [];
    run = "";

    text(node) {
      if (node.parentElement && getComputedStyle(node.parentElement).visibility !== "visible") return;
      this.run += node.data;
    }

    flush() {
      const text = normalise(this.run);
      this.run = "";
      if (text) this.nodes.push({ role: "text", text: short(text) });
    }

    node(node) {
      this.flush();
      if (node) this.nodes.push(node);
    }

    end() {
      this.flush();
      return this.nodes;
    }
  }

  function isNamedByAuthor(element) {
    return ["aria-label", "aria-labelledby"].some((attribute) => (element.getAttribute(attribute) ?? "").trim() !== "");
  }

  /** The role to show; null for an element that is passed through. */
  function roleOf(element) {
    if (element.localName === "iframe" || element.localName === "frame") return "iframe";
    const itsRole = role(element);
    if (itsRole && !PLAIN.has(itsRole)) return itsRole;
    return isUsable(element) ? "generic" : null;
  }

  /** Whether an element without a telling role is there to be clicked or edited all the same. */
  function isUsable(element) {
    if (element.localName === "body" || element.localName === "html") return false;
    if (element.hasAttribute("onclick") || isEditable(element)) return true;
    if (element.tabIndex >= 0 && element.hasAttribute("tabindex")) return true;
    if (getComputedStyle(element).cursor !== "pointer") return false;
    // The cursor is inherited: what is inside something clickable is only a part of it.
    const above = drawnParent(element);
    if (above && getComputedStyle(above).cursor === "pointer") return false;
    return element.localName !== "label";
  }

  /** Whether the element is the outermost of a region that can be edited. */
  function isEditable(element) {
    return element.isContentEditable && !(drawnParent(element)?.isContentEditable ?? false);
  }

  /** What is set apart with all that it holds. */
  function isWithdrawn(element) {
    return element.hasAttribute("inert") || element.getAttribute("aria-hidden")?.toLowerCase() === "true";
  }

  /** Whether something inside a hidden element may be seen: only `visibility` can be taken back. */
  function mayShowInside(element) {
    const { display, visibility } = getComputedStyle(element);
    return display === "contents" || (display !== "none" && visibility !== "visible");
  }

  function frameName(frame) {
    return normalise(frame.getAttribute("aria-label") || frame.getAttribute("title") || frame.getAttribute("name") || "");
  }

  const SHOWN_STATES = ["checked", "disabled", "expanded", "level", "pressed", "selected"];

  /** The states that say something; false is left out where it is the usual case. */
  function stateOf(element, itsRole) {
    const all = states(element, itsRole);
    const shown = {};
    for (const state of SHOWN_STATES) {
      const value = all[state];
      if (value === null || (value === false && state !== "expanded" && state !== "checked")) continue;
      if (value === false && itsRole === "option") continue;
      shown[state] = value;
    }
    if (element.required || saysTrue(element, "aria-required")) shown.required = true;
    if (element.readOnly && FIELDS.has(itsRole)) shown.readonly = true;
    if (saysTrue(element, "aria-invalid")) shown.invalid = true;
    if (element.getRootNode().activeElement === element && element !== document.body) shown.focused = true;
    return shown;
  }

  function saysTrue(element, attribute) {
    return element.getAttribute(attribute)?.toLowerCase() === "true";
  }

  /** What a field holds; null where there is nothing to say. */
  function valueOf(element, itsRole) {
    const tag = element.localName;
    if (tag === "input" && element.type === "password") return element.value ? HIDDEN_VALUE : null;
    if (tag === "input" && element.type === "file") return [...element.files].map((file) => file.name).join(", ") || null;
    if (SCALES.has(itsRole) || itsRole === "spinbutton") return scaleValue(element);
    if (tag === "select") return [...element.selectedOptions].map((option) => normalise(option.label)).join(", ") || null;
    if (FIELDS.has(itsRole) && (tag === "input" || tag === "textarea")) return element.value || null;
    if (isEditable(element)) return normalise(textIn(element)) || null;
    return null;
  }

  function textIn(node) {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    if (node.nodeType !== Node.ELEMENT_NODE || isLeftOut(node)) return "";
    return [...node.childNodes].map(textIn).join("");
  }

  function scaleValue(element) {
    const said = element.getAttribute("aria-valuetext") ?? element.getAttribute("aria-valuenow");
    if (said !== null) return said;
    if (element.localName === "progress" && !element.hasAttribute("value")) return null;
    return element.value === undefined || element.value === "" ? null : String(element.value);
  }

  function short(text) {
    return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1).trimEnd()}…`;
  }

  globalThis.bykiltSnapshot = Object.freeze({ has: (number) => globalThis.bykiltReferences.find(number) !== null, take });
})();
