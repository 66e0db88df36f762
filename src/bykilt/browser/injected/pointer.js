/**
 * Aiming at an element and watching, at the trusted event itself, that it is the one that is hit.
 *
 * Knows when an element is ready for the pointer or the keyboard, and stops an event that lands elsewhere.
 * Sends no events: those come from outside, as real input. Its listeners are the first of the document, since
 * this file runs before any script of the page, so a stopped event is seen by nobody.
 */
(() => {
  if (globalThis.bykiltPointer) return;
  const { boxOf, describe, eventTarget, hitTarget, isDisabled, isEditable, isVisible, receives, whyHidden } = globalThis.bykiltVisibility;
  const selectors = globalThis.bykiltSelectors;

  const POINTER_EVENTS = ["pointerdown", "mousedown", "pointerup", "mouseup", "click", "auxclick", "dblclick", "contextmenu"];
  const KEY_EVENTS = ["keydown", "keypress", "keyup", "beforeinput"];
  const GUARD_LIFE_MS = 10000;
  const ALIGNMENTS = ["nearest", "center", "start", "end"];

  /** The one element that the coming events are for: `{token, element, keys, until, verdict, clicked}`. */
  let guard = null;

  function onPointerEvent(event) {
    if (!guard || guard.keys || !event.isTrusted) return;
    const target = eventTarget(event);
    const related = target instanceof Element && receives(guard.element, target);
    if (!guard.verdict) decide(related, target);
    if (!guard.verdict.hit) return stop(event);
    if (related && (event.type === "click" || event.type === "auxclick" || event.type === "contextmenu")) guard.clicked = true;
  }

  function onKeyEvent(event) {
    if (!guard || !guard.keys || !event.isTrusted) return;
    const target = eventTarget(event);
    const related = target instanceof Element && (receives(guard.element, target) || target.contains(guard.element));
    // A key may move the focus on purpose; only the first event must be for the element.
    if (!guard.verdict) decide(related, target);
    if (!guard.verdict.hit) stop(event);
  }

  function decide(hit, target) {
    if (performance.now() > guard.until) return (guard = { verdict: { hit: true } });
    guard.verdict = { hit, seen: hit ? "" : target instanceof Element ? describe(target) : "the document" };
    globalThis.bykiltReport?.(JSON.stringify({ token: guard.token, ...guard.verdict }));
  }

  function stop(event) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  /** Done again before every guard: `document.open` takes all listeners away; those that are there stay first. */
  function listen() {
    for (const name of POINTER_EVENTS) addEventListener(name, onPointerEvent, { capture: true, passive: false });
    for (const name of KEY_EVENTS) addEventListener(name, onKeyEvent, { capture: true, passive: false });
  }

  listen();

  /** The next frame, or 50 ms where no frames are drawn. */
  function nextFrame() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 50);
      requestAnimationFrame(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  function blocked(reason, seen) {
    return { ok: false, blocked: reason, seen };
  }

  /** Why the element is not ready yet, apart from moving and being covered; null when it is. */
  function unready(element, needs) {
    if (needs.visible && !isVisible(element)) return blocked("not_visible", whyHidden(element) ?? "it is hidden");
    if (needs.enabled) {
      const reason = isDisabled(element);
      if (reason) return blocked("disabled", reason);
    }
    if (needs.editable) {
      const disabled = isDisabled(element);
      if (disabled) return blocked("disabled", disabled);
      const reason = isEditable(element);
      if (reason) return blocked("not_editable", reason);
    }
    return null;
  }

  /** Whether an animation or transition is running on the element or anything around it. */
  function isAnimated(element) {
    if (document.getAnimations().length === 0 && !(element.getRootNode() instanceof ShadowRoot)) return false;
    for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
      if (at.getAnimations().some((animation) => animation.playState === "running")) return true;
    }
    return false;
  }

  /** How the element moved or changed its size from one frame to the next, or the one after; null if it did not. */
  async function settledRect(element) {
    const before = element.getBoundingClientRect();
    // A look at the frame between, too: what turns back there is where it was on the next.
    for (let frame = 0; frame < 2; frame++) {
      await nextFrame();
      const now = element.getBoundingClientRect();
      const [dx, dy] = [now.x - before.x, now.y - before.y].map((distance) => Math.round(distance * 10) / 10);
      if (dx || dy || now.width !== before.width || now.height !== before.height) {
        return blocked("moving", `it moved by ${dx}, ${dy} px or changed its size within two frames`);
      }
    }
    return null;
  }

  /** A point of the element inside the viewport: at `position`, or the middle of what shows of its first box. */
  function pointOf(element, position) {
    const box = boxOf(element);
    if (position) return inViewport({ x: box.x + position.x, y: box.y + position.y });
    for (const rect of element.getClientRects()) {
      const left = Math.max(0, rect.left);
      const right = Math.min(innerWidth, rect.right);
      const top = Math.max(0, rect.top);
      const bottom = Math.min(innerHeight, rect.bottom);
      if (right - left >= 1 && bottom - top >= 1) return { x: (left + right) / 2, y: (top + bottom) / 2 };
    }
    return null;
  }

  function inViewport(point) {
    return point.x >= 0 && point.y >= 0 && point.x < innerWidth && point.y < innerHeight ? point : null;
  }

  /** A point where the element itself is hit, scrolling if that is what it takes. */
  function reach(element, position, covered) {
    let problem = null;
    for (const alignment of [null, ...ALIGNMENTS]) {
      if (alignment) element.scrollIntoView({ block: alignment, inline: alignment, behavior: "instant" });
      const point = pointOf(element, position);
      if (!point) {
        problem ??= blocked("outside_viewport", "no part of it lies in the viewport after scrolling");
        continue;
      }
      if (!covered) return { point };
      const hit = hitTarget(point.x, point.y);
      if (hit && receives(element, hit)) return { point };
      problem = blocked("covered", hit ? `${describe(hit)} at ${Math.round(point.x)}, ${Math.round(point.y)}` : "nothing is hit there");
    }
    return { problem };
  }

  /**
   * Wait until the element is ready, for `sliceMs` at most, and say where to point.
   *
   * spec: `{alternatives, needs: {visible, enabled, editable, still, free}, position, sliceMs, careful, token}`.
   * `needs.still` waits for two equal frames only where something is animated or `careful` is set: what moves by
   * script alone is caught at the event. With a token the guard is set for the events to come.
   * Returns `{ok: true, point, box, viewport}` or `{ok: false, blocked, seen}`.
   */
  async function aim(spec) {
    const deadline = performance.now() + spec.sliceMs;
    for (;;) {
      const result = await tryToAim(spec);
      if (result.ok || performance.now() >= deadline) return result;
      await nextFrame();
    }
  }

  async function tryToAim(spec) {
    const element = selectors.pick(document, spec.alternatives);
    if (!element) return blocked("not_found", "");
    const problem = unready(element, spec.needs);
    if (problem) return problem;
    if (spec.needs.still && (spec.careful || isAnimated(element))) {
      const moved = await settledRect(element);
      if (moved) return moved;
      if (!element.isConnected) return blocked("detached", "");
    }
    const { point, problem: unreachable } = reach(element, spec.position, spec.needs.free);
    if (unreachable) return unreachable;
    if (spec.token) setGuard(spec.token, element, false);
    return { ok: true, point, box: boxOf(element) };
  }

  function setGuard(token, element, keys) {
    listen();
    guard = { token, element, keys, until: performance.now() + GUARD_LIFE_MS, verdict: null, clicked: false };
  }

  /** What the guard saw of the events since `aim`; takes it away. `{hit, seen, clicked}`, hit null if none came. */
  function settle(token) {
    if (!guard || guard.token !== token) return { hit: null, seen: "", clicked: false };
    const { verdict, clicked } = guard;
    guard = null;
    return { hit: verdict ? verdict.hit : null, seen: verdict ? verdict.seen : "", clicked };
  }

  /**
   * Wait until the element can take the keyboard, give it the focus and watch where the keys go.
   *
   * spec as for `aim`.
   * With `fill` all that the element holds is selected, ready to be replaced by that text.
   * Returns `{ok: true, kind: "keys"}`, `{ok: true, kind: "set"}` when nothing is left to be typed,
   * `{ok: true, refused}` when the text cannot stand there, or a problem.
   */
  async function takeKeyboard(spec) {
    const deadline = performance.now() + spec.sliceMs;
    for (;;) {
      const result = tryToTakeKeyboard(spec);
      if (result.ok || performance.now() >= deadline) return result;
      await nextFrame();
    }
  }

  function tryToTakeKeyboard(spec) {
    const element = selectors.pick(document, spec.alternatives);
    if (!element) return blocked("not_found", "");
    const problem = unready(element, spec.needs);
    if (problem) return problem;
    if (spec.fill !== undefined) return fill(element, spec);
    const focusable = globalThis.bykiltVisibility.labelTarget(element);
    focusable.focus();
    setGuard(spec.token, focusable, true);
    return { ok: true, kind: "keys" };
  }

  function fill(element, spec) {
    const forms = globalThis.bykiltForms;
    const field = globalThis.bykiltVisibility.labelTarget(element);
    const set = forms.setTypedValue(field, spec.fill);
    if (set.handled) return set.ok ? { ok: true, kind: "set" } : { ok: true, refused: set.reason };
    const prepared = forms.prepareFill(field);
    if (!prepared.ok) return blocked("not_editable", prepared.reason);
    if (spec.fill === "") {
      document.execCommand("delete");
      return { ok: true, kind: "set" };
    }
    setGuard(spec.token, field, true);
    return { ok: true, kind: "keys" };
  }

  globalThis.bykiltPointer = Object.freeze({ aim, blocked, nextFrame, settle, takeKeyboard, unready });
})();
