/**
 * The composed tree: the document together with every open shadow tree in it; closed ones only where asked for.
 *
 * Knows parents, order and containment across shadow boundaries. Knows nothing of selectors or visibility.
 * A form lets its fields hide its own properties (`<input name="children">`), in every world: so these scripts
 * read attributes with `getAttribute` and children through `childNodes`.
 */
(() => {
  if (globalThis.bykiltTree) return;

  /**
   * All elements below `root`, in composed order: an element, its shadow tree, its children.
   * @param {Document|ShadowRoot|Element} root
   * @returns {Element[]}
   */
  function descendants(root) {
    const found = [];
    collect(root, found);
    return found;
  }

  function collect(root, found) {
    if (root.shadowRoot) collect(root.shadowRoot, found);
    for (const element of root.querySelectorAll("*")) {
      found.push(element);
      if (element.shadowRoot) collect(element.shadowRoot, found);
    }
  }

  // Closed roots by their hosts, as far as somebody who can see them has told.
  const closedRoots = new WeakMap();

  /** Take note of the closed roots that these nodes are in. */
  function adopt(nodes) {
    for (const node of nodes) {
      const root = node.getRootNode();
      if (root.nodeType === Node.DOCUMENT_FRAGMENT_NODE && root.host) closedRoots.set(root.host, root);
    }
  }

  /** The element's shadow root, open or closed and told of; null for none. */
  function anyShadowOf(element) {
    return element.shadowRoot ?? closedRoots.get(element) ?? null;
  }

  /** As `descendants`, with the closed shadow trees that are told of. */
  function allDescendants(root) {
    const found = [];
    collectAll(root, found);
    return found;
  }

  function collectAll(root, found) {
    const own = anyShadowOf(root);
    if (own) collectAll(own, found);
    for (const element of root.querySelectorAll("*")) {
      found.push(element);
      const shadow = anyShadowOf(element);
      if (shadow) collectAll(shadow, found);
    }
  }

  /** Whether an open shadow root exists at `root` or below it. */
  function hasShadow(root) {
    if (root.shadowRoot) return true;
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) return true;
    }
    return false;
  }

  /** The parent element; for the topmost elements of a shadow tree, its host. Null at the very top. */
  function parent(element) {
    const above = element.parentNode;
    if (!above) return null;
    if (above.nodeType === Node.ELEMENT_NODE) return above;
    return above.nodeType === Node.DOCUMENT_FRAGMENT_NODE ? (above.host ?? null) : null;
  }

  /** The parent in the tree that is drawn: for a slotted element, its slot. */
  function drawnParent(element) {
    return element.assignedSlot ?? parent(element);
  }

  /** Whether `element` is `ancestor` or inside it, in the tree that is drawn. */
  function isInside(element, ancestor) {
    for (let at = element; at; at = drawnParent(at)) {
      if (at === ancestor) return true;
    }
    return false;
  }

  /** The nearest of `element` and its composed ancestors that matches a CSS selector, or null. */
  function closest(element, css) {
    for (let at = element; at; ) {
      const found = at.closest(css);
      if (found) return found;
      at = at.getRootNode().host ?? null;
    }
    return null;
  }

  /**
   * The nodes drawn as children of `node`: its shadow tree instead of its own, what is slotted instead of a slot.
   * @returns {Iterable<Node>}
   */
  function drawnChildren(node) {
    if (node.shadowRoot) return node.shadowRoot.childNodes;
    if (node.localName === "slot" && node.getRootNode().host) {
      const assigned = node.assignedNodes();
      if (assigned.length) return assigned;
    }
    return node.childNodes;
  }

  const UNTIDY = /[^\S ]| {2}|^ | $|[\u200b\u00ad]/;

  /** Text with runs of white space made one space, without invisible joiners, trimmed. */
  function normalise(text) {
    // Most texts are tidy, and finding that out is cheap.
    if (!UNTIDY.test(text)) return text;
    return text.replace(/[\u200b\u00ad]/g, "").replace(/\s+/g, " ").trim();
  }

  globalThis.bykiltTree = Object.freeze({
    adopt,
    allDescendants,
    anyShadowOf,
    closest,
    descendants,
    drawnChildren,
    drawnParent,
    hasShadow,
    isInside,
    normalise,
    parent,
  });
})();
