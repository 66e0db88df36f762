/**
 * Reading data out of a page as JSON.
 *
 * Knows the kinds of value (`text`, `inner_text`, `html`, `attribute`, `count`) and records. What somebody typed into a
 * password field is never read.
 */
(() => {
  if (globalThis.bykiltExtract) return;
  const { hasShadow } = globalThis.bykiltTree;
  const { best, find, findFirst, parse } = globalThis.bykiltSelectors;

  const FIELDS = new Set(["input", "select", "textarea"]);
  const ADDRESSES = new Set(["action", "formaction", "href", "poster", "src"]);
  const PASSWORD = "input[type=password i]";

  /**
   * Read what `spec` asks for.
   *
   * spec: `{alternatives, kind, attribute, all, limit, records: {fields: {name: {selector, kind, attribute}}, limit}}`.
   * `all` gives a list, `records` a list of objects; a limit of 0 (or none) means all of them. Otherwise one value is
   * read, of the first visible match, or of the first. A field's `selector` is a list of alternatives inside the
   * record, the first match counts; an empty list means the record's own element.
   * @param {Document|Element|Element[]} source where to look, or the elements themselves
   * @returns {{found: number, value: *}} how many elements matched, and the value; null where nothing matched
   */
  function read(source, spec) {
    const found = Array.isArray(source) ? source : find(source, parse(spec.alternatives));
    if (spec.records) return { found: found.length, value: readRecords(found, spec.records) };
    if (spec.kind === "count") return { found: found.length, value: found.length };
    const reader = readerOf(spec);
    if (spec.all) return { found: found.length, value: limited(found, spec.limit).map(reader) };
    return { found: found.length, value: found.length ? reader(best(found)) : null };
  }

  function limited(elements, limit) {
    return limit > 0 ? elements.slice(0, limit) : elements;
  }

  function readRecords(elements, { fields, limit }) {
    // Asked once: with thousands of records it would cost more than the reading.
    const shadow = hasShadow(document);
    const readers = Object.entries(fields).map(([name, field]) => [name, fieldReader(field, shadow)]);
    return limited(elements, limit).map((element) => {
      const record = {};
      for (const [name, reader] of readers) record[name] = reader(element);
      return record;
    });
  }

  /** A function that reads one field of a record; null where the field is not in it. */
  function fieldReader(field, shadow) {
    const inside = field.selector?.length ? parse(field.selector) : null;
    if (field.kind === "count") return (element) => (inside ? find(element, inside, shadow).length : 1);
    const reader = readerOf(field);
    if (!inside) return reader;
    return (element) => {
      const match = findFirst(element, inside, shadow);
      return match ? reader(match) : null;
    };
  }

  /** A function that reads one value of one element. */
  function readerOf({ kind = "text", attribute }) {
    if (kind === "inner_text") return (element) => fieldValue(element) ?? (element.innerText ?? element.textContent).trim();
    if (kind === "html") return html;
    if (kind === "attribute") return (element) => attributeOf(element, attribute.toLowerCase());
    if (kind === "text") return (element) => fieldValue(element) ?? element.textContent.replace(/\s+/g, " ").trim();
    throw new Error(`bykilt: nothing to read is called ${JSON.stringify(kind)}`);
  }

  /** The current value of a form field; "" for a password; null for an element that is no field. */
  function fieldValue(element) {
    if (!FIELDS.has(element.localName)) return null;
    return element.matches(PASSWORD) ? "" : element.value;
  }

  /** The markup inside, without the values of passwords, which some frameworks keep in the attribute. */
  function html(element) {
    const markup = element.innerHTML;
    if (!element.querySelector(`${PASSWORD}[value]`)) return markup;
    const copy = document.createElement("template");
    copy.innerHTML = markup;
    for (const field of copy.content.querySelectorAll(PASSWORD)) field.removeAttribute("value");
    return copy.innerHTML;
  }

  /** The attribute as written, addresses in full; null where the element does not have it. */
  function attributeOf(element, name) {
    const value = element.getAttribute(name);
    if (value === null || (name === "value" && element.matches(PASSWORD))) return value && "";
    return ADDRESSES.has(name) ? (URL.parse(value, element.baseURI)?.href ?? value) : value;
  }

  globalThis.bykiltExtract = Object.freeze({ read });
})();
