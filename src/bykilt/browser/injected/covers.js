/**
 * Elements that no picture may show: not painted in any document, whatever pictures are taken of it.
 *
 * They keep their place, and can be used. A rule of the page that is marked as important and more specific would win:
 * this is for pages that mean no harm.
 */
(() => {
  const adopted = Object.getOwnPropertyDescriptor(Document.prototype, "adoptedStyleSheets");
  const nextFrame = requestAnimationFrame.bind(globalThis);
  const sheet = new CSSStyleSheet();

  /** Begin; `selectors` is a list of CSS selectors. */
  function cover(selectors) {
    // One rule each: one that Chromium does not know takes no other with it.
    for (const selector of selectors) sheet.insertRule(`${selector} { opacity: 0 !important }`, sheet.cssRules.length);
    keep();
  }

  /** Before each frame is painted, since a page may put its own list of style sheets in the place of this one. */
  function keep() {
    const sheets = adopted.get.call(document);
    if (!sheets.includes(sheet)) adopted.set.call(document, [...sheets, sheet]);
    nextFrame(keep);
  }

  globalThis.bykiltCovers ??= Object.freeze({ cover });
})();
