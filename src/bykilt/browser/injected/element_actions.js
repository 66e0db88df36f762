/**
 * What is done to an element without input events, and waiting for what a page is to show.
 *
 * Each function takes a spec with `alternatives` and `sliceMs`, waits that long at most for its element, and
 * returns `{ok: true, value}` or `{ok: false, blocked, seen}`.
 */
(() => {
  if (globalThis.bykiltActions) return;
  const { blocked, nextFrame, unready } = globalThis.bykiltPointer;
  const { describe, isVisible, labelTarget, whyHidden } = globalThis.bykiltVisibility;
  const selectors = globalThis.bykiltSelectors;
  const PICTURE_MARGIN = 0.5;

  /** Do something with the element as soon as it is ready (`spec.needs`). */
  async function withElement(spec, act) {
    const deadline = performance.now() + spec.sliceMs;
    for (;;) {
      const element = selectors.pick(document, spec.alternatives);
      const problem = element ? unready(element, spec.needs ?? {}) : blocked("not_found", "");
      if (!problem) return { ok: true, value: act(element) };
      if (performance.now() >= deadline) return problem;
      await nextFrame();
    }
  }

  /** Whether it is ticked: true, false, "mixed", or null where there is nothing to tick. */
  function checkedState(spec) {
    return withElement(spec, (element) => globalThis.bykiltForms.isChecked(element));
  }

  function focus(spec) {
    return withElement(spec, (element) => labelTarget(element).focus());
  }

  /** Choose options (`spec.wanted`); the value is what `bykiltForms.selectOptions` says. */
  function select(spec) {
    return withElement(spec, (element) => globalThis.bykiltForms.selectOptions(element, spec.wanted));
  }

  /** Whether dragging it starts the browser's own drag and drop. */
  function isDraggable(spec) {
    return withElement(spec, (element) => {
      for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) if (at.draggable) return true;
      return false;
    });
  }

  /** Bring an element into view; with `x` or `y` scroll it, or without alternatives the page, by pixels instead. */
  function scroll(spec) {
    const byPixels = spec.x !== null || spec.y !== null;
    const distance = { left: spec.x ?? 0, top: spec.y ?? 0, behavior: "instant" };
    if (!spec.alternatives.length) {
      scrollBy(distance);
      return { ok: true, value: { x: scrollX, y: scrollY } };
    }
    return withElement(spec, (element) => {
      if (byPixels) element.scrollBy(distance);
      else if (!isWhollyInView(element)) element.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
      return byPixels ? { x: element.scrollLeft, y: element.scrollTop } : { x: scrollX, y: scrollY };
    });
  }

  function isWhollyInView(element) {
    const box = element.getBoundingClientRect();
    if (box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth) return false;
    const hit = globalThis.bykiltVisibility.hitTarget(box.x + box.width / 2, box.y + box.height / 2);
    return hit !== null && globalThis.bykiltVisibility.receives(element, hit);
  }

  /** The file input that is meant by the element (`bykiltFiles.inputOf`). */
  function findFileInput(alternatives) {
    return globalThis.bykiltFiles.inputOf(selectors.pick(document, alternatives));
  }

  /** How `spec.count` files get in (`bykiltFiles.wayIn`); file inputs are often hidden, so being visible is not asked. */
  async function fileWay(spec) {
    const found = await withElement(spec, (element) => globalThis.bykiltFiles.wayIn(element, spec.count));
    return found.ok && found.value.blocked ? blocked(found.value.blocked, found.value.seen) : found;
  }

  /** Give the element's file input files that were sent; false if it is not there. */
  function giveFiles(alternatives, keys) {
    const input = findFileInput(alternatives);
    if (input) globalThis.bykiltFiles.give(input, keys);
    return input !== null;
  }

  /** Read from the page (`bykiltExtract.read`), waiting until something matches unless matches are only counted. */
  async function read(spec) {
    const deadline = performance.now() + spec.sliceMs;
    for (;;) {
      const { found, value } = globalThis.bykiltExtract.read(document, spec);
      if (found || spec.kind === "count") return { ok: true, value };
      if (performance.now() >= deadline) return blocked("not_found", "");
      await nextFrame();
    }
  }

  /** The tree of the element, or of the document without alternatives (`bykiltSnapshot.take`). */
  async function snapshot(spec) {
    const deadline = performance.now() + spec.sliceMs;
    for (;;) {
      const value = globalThis.bykiltSnapshot.take(document, spec.alternatives, spec.options);
      if (value) return { ok: true, value };
      if (performance.now() >= deadline) return blocked("not_found", "");
      await nextFrame();
    }
  }

  /**
   * Where a picture of the element is to be cut, in CSS pixels of the document, and its corner in the viewport; the
   * element is brought into view.
   */
  function pictureBox(spec) {
    return withElement({ ...spec, needs: { visible: true } }, (element) => {
      element.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
      const box = element.getBoundingClientRect();
      const left = Math.floor(box.left + PICTURE_MARGIN);
      const top = Math.floor(box.top + PICTURE_MARGIN);
      return {
        x: left + scrollX,
        y: top + scrollY,
        left,
        top,
        width: Math.max(1, Math.ceil(box.right - PICTURE_MARGIN) - left),
        height: Math.max(1, Math.ceil(box.bottom - PICTURE_MARGIN) - top),
      };
    });
  }

  /** Whether the element is in `spec.state`: attached, detached, visible or hidden. */
  async function waitForState(spec) {
    const deadline = performance.now() + spec.sliceMs;
    for (;;) {
      const element = selectors.pick(document, spec.alternatives);
      const visible = element !== null && isVisible(element);
      const reached = { attached: element !== null, detached: element === null, visible, hidden: !visible }[spec.state];
      if (reached) return { ok: true, value: null };
      if (performance.now() >= deadline) return notReached(spec.state, element);
      await nextFrame();
    }
  }

  function notReached(state, element) {
    if (!element) return blocked("not_found", "");
    if (state === "visible") return blocked("not_visible", whyHidden(element) ?? "");
    return blocked(state === "hidden" ? "still_visible" : "still_attached", describe(element));
  }

  /** Whether the page shows `spec.text`; white space of any kind counts as one space. */
  async function waitForText(spec) {
    const deadline = performance.now() + spec.sliceMs;
    const wanted = spec.text.replace(/\s+/g, " ").trim();
    for (;;) {
      if (shows(wanted)) return { ok: true, value: null };
      if (performance.now() >= deadline) return blocked("no_text", "");
      await nextFrame();
    }
  }

  /** `innerText` ends at shadow roots, so those are asked one by one when the light tree does not have it. */
  function shows(wanted) {
    const has = (element) => (element.innerText ?? "").replace(/\s+/g, " ").includes(wanted);
    if (document.body && has(document.body)) return true;
    const roots = [document];
    for (const root of roots) {
      for (const host of root.querySelectorAll("*")) {
        if (!host.shadowRoot) continue;
        if ([...host.shadowRoot.children].some(has)) return true;
        roots.push(host.shadowRoot);
      }
    }
    return false;
  }

  /** Cover elements in pictures until `unmask`: boxes of one colour over them. */
  function mask(alternatives) {
    unmask();
    const layer = document.createElement("bykilt-mask");
    layer.style.cssText = "all:initial;position:fixed;inset:0;pointer-events:none;z-index:2147483647";
    for (const element of selectors.queryAll(document, alternatives)) {
      const box = element.getBoundingClientRect();
      const cover = document.createElement("div");
      cover.style.cssText = `position:fixed;background:#ff00ff;left:${box.x}px;top:${box.y}px;width:${box.width}px;height:${box.height}px`;
      layer.append(cover);
    }
    document.documentElement.append(layer);
  }

  function unmask() {
    document.querySelector("bykilt-mask")?.remove();
  }

  globalThis.bykiltActions = Object.freeze({
    checkedState,
    fileWay,
    findFileInput,
    focus,
    giveFiles,
    isDraggable,
    mask,
    pictureBox,
    read,
    scroll,
    select,
    snapshot,
    unmask,
    waitForState,
    waitForText,
  });
})();
