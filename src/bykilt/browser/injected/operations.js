/**
 * Operations by name that finish at once, for an engine that can call the scripts only through a selector.
 *
 * `null` means "not yet": the engine asks again. Waits for nothing and sends no input.
 */
(() => {
  if (globalThis.bykiltOperations) return;
  const { pick, validate } = globalThis.bykiltSelectors;
  const { boxOf, describe, hitTarget, isDisabled, isEditable, isInside, isVisible, labelTarget, receives, whyHidden } = globalThis.bykiltVisibility;
  const files = globalThis.bykiltFiles;
  const forms = globalThis.bykiltForms;

  /** The element, if there is one that can be seen and used; what stands in the way is found out by `diagnose`. */
  function usable(root, alternatives) {
    const element = pick(root, alternatives);
    return element && isVisible(element) && !isDisabled(labelTarget(element)) ? element : null;
  }

  /**
   * Where a pointer will touch the element, brought into view first.
   * `inset` is the width of its border, `{x, y}`: some count positions from inside it.
   */
  function aim(root, alternatives, position) {
    const element = pick(root, alternatives);
    if (!element || !isVisible(element)) return null;
    let point = pointOf(element, position);
    if (!point) {
      element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      point = pointOf(element, position);
    }
    const box = boxOf(element);
    point ??= { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    return { point, box, inset: { x: element.clientLeft, y: element.clientTop }, through: labelOver(element, point) !== null };
  }

  /** What lies over the element at a point although a click there is for it: something of its label. */
  function labelOver(element, point) {
    const hit = hitTarget(point.x, point.y);
    return hit && !isInside(hit, element) && receives(element, hit) ? hit : null;
  }

  /** What takes a click for the element: what of its label lies over it, else the element itself. */
  function clickable(root, alternatives, position) {
    const element = pick(root, alternatives);
    const point = element && pointOf(element, position);
    return (point && labelOver(element, point)) || element;
  }

  /** A point of the element inside the viewport: at `position`, or the middle of what shows of its first box. */
  function pointOf(element, position) {
    const box = boxOf(element);
    if (position) {
      const point = { x: box.x + position.x, y: box.y + position.y };
      return point.x >= 0 && point.y >= 0 && point.x < innerWidth && point.y < innerHeight ? point : null;
    }
    for (const rect of element.getClientRects()) {
      const [left, right] = [Math.max(0, rect.left), Math.min(innerWidth, rect.right)];
      const [top, bottom] = [Math.max(0, rect.top), Math.min(innerHeight, rect.bottom)];
      if (right - left >= 1 && bottom - top >= 1) return { x: (left + right) / 2, y: (top + bottom) / 2 };
    }
    return null;
  }

  /** The element's box, to see whether it moves. */
  function box(root, alternatives) {
    const element = pick(root, alternatives);
    return element && boxOf(element);
  }

  /** `{checked}`: true, false, "mixed", or null for an element that has no such state. */
  function checked(root, alternatives) {
    const element = pick(root, alternatives);
    return element && { checked: forms.isChecked(element) };
  }

  /** Give the focus to the element once it can be seen, or with `hidden` in any case. */
  function focus(root, alternatives, { hidden = false } = {}) {
    const element = pick(root, alternatives);
    if (!element || (!hidden && !isVisible(element))) return null;
    labelTarget(element).focus();
    return true;
  }

  /** Choose options; the answer is that of `bykiltForms.selectOptions`. */
  function select(root, alternatives, wanted) {
    const element = usable(root, alternatives);
    return element && forms.selectOptions(element, wanted);
  }

  /**
   * Make a field ready for a text that replaces what it holds, or set the value of one that takes no keys.
   * `{typed}` says whether the text is still to be typed, `{refused}` why it cannot stand there.
   */
  function fill(root, alternatives, text) {
    const element = usable(root, alternatives);
    if (!element || isEditable(element)) return null;
    const field = labelTarget(element);
    const set = forms.setTypedValue(field, text);
    if (set.handled) return set.ok ? { typed: true } : { refused: set.reason };
    if (!forms.prepareFill(field).ok) return null;
    if (text === "") document.execCommand("delete");
    return { typed: text === "" };
  }

  /** What keeps a field from being filled although it can be seen and edited: `{blocked, seen}`, blocked null for nothing. */
  function unfillable(root, alternatives) {
    const element = pick(root, alternatives);
    const prepared = element ? forms.prepareFill(element) : { ok: true };
    return prepared.ok ? { blocked: null, seen: "" } : { blocked: "not_editable", seen: prepared.reason };
  }

  /** Scroll an element into view; with `x` or `y`, scroll it, or without alternatives the page, by pixels. */
  function scroll(root, alternatives, { x, y }) {
    const distance = { left: x ?? 0, top: y ?? 0, behavior: "instant" };
    if (!alternatives.length) {
      scrollBy(distance);
      return { x: scrollX, y: scrollY };
    }
    const element = pick(root, alternatives);
    if (!element) return null;
    if (x !== null || y !== null) {
      element.scrollBy(distance);
      return { x: element.scrollLeft, y: element.scrollTop };
    }
    if (!isWhollyInView(element)) element.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
    return { x: scrollX, y: scrollY };
  }

  function isWhollyInView(element) {
    const { x, y, width, height } = boxOf(element);
    if (x < 0 || y < 0 || x + width > innerWidth || y + height > innerHeight) return false;
    const hit = hitTarget(x + width / 2, y + height / 2);
    return hit !== null && receives(element, hit);
  }

  /** The file input that is meant by the element. */
  function fileInput(root, alternatives) {
    return files.inputOf(pick(root, alternatives));
  }

  /** How `count` files get to the page by the element (`bykiltFiles.wayIn`). */
  function fileWay(root, alternatives, count) {
    const element = pick(root, alternatives);
    const way = element && files.wayIn(element, count);
    return way && !way.blocked ? way : null;
  }

  /** Read (`bykiltExtract.read`) as soon as anything matches, or at once where matches are only counted. */
  function read(root, spec) {
    const { found, value } = globalThis.bykiltExtract.read(root, spec);
    return found || spec.kind === "count" ? { value } : null;
  }

  /** True once the page shows the text; white space of any kind counts as one space. */
  function shows(root, text) {
    const wanted = text.replace(/\s+/g, " ").trim();
    const has = (element) => (element.innerText ?? "").replace(/\s+/g, " ").includes(wanted);
    if (root.body && has(root.body)) return true;
    // `innerText` ends at shadow roots.
    const roots = [root];
    for (const each of roots) {
      for (const host of each.querySelectorAll("*")) {
        if (!host.shadowRoot) continue;
        if ([...host.shadowRoot.children].some(has)) return true;
        roots.push(host.shadowRoot);
      }
    }
    return null;
  }

  /** What keeps the element from a state that was waited for: `{blocked, seen}`. */
  function notInState(root, alternatives, state) {
    const element = pick(root, alternatives);
    if (!element) return { blocked: "not_found", seen: "" };
    if (state === "visible") return { blocked: "not_visible", seen: whyHidden(element) ?? "" };
    return { blocked: state === "hidden" ? "still_visible" : "still_attached", seen: describe(element) };
  }

  let given = "";

  /** Give this world a name by which others find it; `name` asks for it. */
  function mark(_root, name) {
    given = name;
    return true;
  }

  globalThis.bykiltOperations = Object.freeze({
    accepting: () => ({ accepted: files.accepting() }),
    aim,
    box,
    checked,
    clickable,
    diagnose: globalThis.bykiltState.diagnose,
    dropped: () => ({ accepted: files.dropped() }),
    fileInput,
    fileWay,
    fill,
    focus,
    mark,
    name: () => given,
    notInState,
    read,
    refers: (_root, number) => globalThis.bykiltSnapshot.has(number),
    scroll,
    select,
    shows,
    snapshot: globalThis.bykiltSnapshot.take,
    unfillable,
    watchDrops: files.watchDrops,
    validate: (_root, alternatives) => ({ reason: validate(alternatives) }),
  });
})();
