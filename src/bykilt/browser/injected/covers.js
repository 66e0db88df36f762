/**
 * Elements that no picture may show: not painted in any document, whatever pictures are taken of it.
 *
 * They keep their place, and can be used. A rule of the page that is marked as important and more specific would win:
 * this is for pages that mean no harm.
 */
(() => {
  const adopted = Object.getOwnPropertyDescriptor(Document.prototype, "adoptedStyleSheets");
  const nextFrame = requestAnimationFrame.bind(globalThis);
  const later = setTimeout.bind(globalThis);
  const sheet = new CSSStyleSheet();
  const FRAMES = 60;
  const PAUSE_MS = 100;
  let frames = 0;

  /** Begin; `selectors` is a list of CSS selectors. */
  function cover(selectors) {
    // One rule each: one that Chromium does not know takes no other with it.
    for (const selector of selectors) sheet.insertRule(`${selector} { opacity: 0 !important }`, sheet.cssRules.length);
    keep();
  }

  /**
   * A page may put its own list of style sheets in the place of this one: before each frame while it loads and for a
   * second after that, later ten times a second, so that a page at rest is not drawn again and again.
   */
  function keep() {
    const sheets = adopted.get.call(document);
    if (!sheets.includes(sheet)) adopted.set.call(document, [...sheets, sheet]);
    if (document.readyState !== "complete" || frames++ < FRAMES) nextFrame(keep);
    else later(keep, PAUSE_MS);
  }

  globalThis.bykiltCovers ??= Object.freeze({ cover });
})();
