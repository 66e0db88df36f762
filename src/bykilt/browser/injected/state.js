/**
 * Why an action cannot be done to an element, found out in one call.
 *
 * Knows the order of the reasons. Waits for nothing: it is asked when waiting has failed.
 */
(() => {
  if (globalThis.bykiltState) return;
  const { best, queryAll } = globalThis.bykiltSelectors;
  const { boxOf, describe, hitTarget, isDisabled, isEditable, labelTarget, receives, whyHidden } = globalThis.bykiltVisibility;

  /**
   * Look at the element that an action would pick.
   *
   * options: `needs`, a list of `visible`, `enabled`, `editable`, `uncovered`; `position` `{x, y}` inside the element,
   * by default its middle. An element outside the viewport is scrolled into it first, as the action would.
   * @returns {{found: number, picked: string, blocked: string|null, seen: string}}
   *   `blocked`: null, `not_found`, `not_visible`, `disabled`, `not_editable`, `outside_viewport` or `covered`;
   *   `seen`: the details for a person
   */
  function diagnose(root, alternatives, { needs = [], position = null } = {}) {
    const all = queryAll(root, alternatives);
    const element = best(all);
    if (!element) return { found: 0, picked: "", blocked: "not_found", seen: "" };
    const [blocked, seen] = problem(element, new Set(needs), position);
    return { found: all.length, picked: describe(element), blocked, seen };
  }

  function problem(element, needs, position) {
    const hidden = needs.has("visible") && whyHidden(element);
    if (hidden) return ["not_visible", hidden];
    const field = needs.has("editable") ? labelTarget(element) : element;
    const disabled = (needs.has("enabled") || needs.has("editable")) && isDisabled(field);
    if (disabled) return ["disabled", disabled];
    const fixed = needs.has("editable") && isEditable(field);
    if (fixed) return ["not_editable", fixed];
    return (needs.has("uncovered") && unreachable(element, position)) || [null, ""];
  }

  /** Why a pointer does not reach the element; null when it does. */
  function unreachable(element, position) {
    let point = pointOf(element, position);
    if (!isInViewport(point)) {
      element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      point = pointOf(element, position);
    }
    const place = `${Math.round(point.x)}, ${Math.round(point.y)}`;
    if (!isInViewport(point)) return ["outside_viewport", `its point ${place} is outside the viewport (${innerWidth} x ${innerHeight})`];
    const hit = hitTarget(point.x, point.y);
    if (!hit) return ["covered", `nothing is hit at ${place}`];
    return receives(element, hit) ? null : ["covered", `${describe(hit)} at ${place}`];
  }

  function pointOf(element, position) {
    const box = boxOf(element);
    return { x: box.x + (position?.x ?? box.width / 2), y: box.y + (position?.y ?? box.height / 2) };
  }

  function isInViewport({ x, y }) {
    return x >= 0 && y >= 0 && x < innerWidth && y < innerHeight;
  }

  /** How an element moved or changed its size within two frames, in words; null when it kept still. */
  async function moves(element) {
    const before = boxOf(element);
    await twoFrames();
    const after = boxOf(element);
    const [dx, dy, dw, dh] = ["x", "y", "width", "height"].map((name) => Math.round((after[name] - before[name]) * 10) / 10);
    if (dx || dy) return `it moved by ${dx}, ${dy} px within two frames`;
    return dw || dh ? `its size changed by ${dw} x ${dh} px within two frames` : null;
  }

  /** Two frames, or 100 ms where none are drawn. */
  function twoFrames() {
    return new Promise((resolve) => {
      setTimeout(resolve, 100);
      requestAnimationFrame(() => requestAnimationFrame(resolve));
    });
  }

  globalThis.bykiltState = Object.freeze({ diagnose, moves });
})();
