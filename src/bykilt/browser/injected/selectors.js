/**
 * The selector grammar, the same on both engines. Its reference is docs/reference/selectors.md.
 *
 * Knows how a selector is written (engines, chains, alternatives) and in which order matches come. What CSS, text and
 * roles mean is in css.js, text.js, roles.js and names.js.
 *
 * `alternatives` is a list of selectors, or the same as JSON text; the first that matches anything counts.
 * A selector that can mean nothing throws an Error whose message starts with `bykilt:invalid-selector:`.
 */
(() => {
  if (globalThis.bykiltSelectors) return;
  const css = globalThis.bykiltCss;
  const text = globalThis.bykiltText;
  const { cached, isHiddenForAria, name, role, states } = globalThis.bykiltRoles;
  const references = globalThis.bykiltReferences;
  const { allDescendants, descendants, hasShadow, normalise, parent } = globalThis.bykiltTree;
  const { isVisible } = globalThis.bykiltVisibility;

  const MAX_KNOWN = 500;
  const known = new Map();

  /** All matches of the first alternative that matches anything, in composed order, each once. */
  function queryAll(root, alternatives) {
    return find(root, parseAll(alternatives));
  }

  /** The first visible match of the first alternative that matches anything; if none is visible, the first. */
  function pick(root, alternatives) {
    return best(queryAll(root, alternatives));
  }

  /** The first visible one of some elements; if none is visible, the first; null for none at all. */
  function best(found) {
    if (found.length < 2) return found[0] ?? null;
    return found.find(isVisible) ?? found[0];
  }

  /** Null if the selectors can be used; else what `queryAll` would throw as its message. */
  function validate(alternatives) {
    try {
      parseAll(alternatives);
      return null;
    } catch (error) {
      return error.message;
    }
  }

  /** Matches of parsed alternatives. `shadow` false promises that no open shadow root is at or below `root`. */
  function find(root, parsed, shadow = hasShadow(root)) {
    for (const chain of parsed) {
      const found = follow(root, chain, shadow);
      if (found.length) return found;
    }
    return [];
  }

  /** The first match in composed order, seen or not; null where there is none. Arguments as for `find`. */
  function findFirst(root, parsed, shadow = hasShadow(root)) {
    for (const chain of parsed) {
      const first = !shadow && chain.length === 1 && chain[0].css ? root.querySelector(chain[0].css) : follow(root, chain, shadow)[0];
      if (first) return first;
    }
    return null;
  }

  /** Follow the parts of one selector, each inside the matches of the one before. */
  function follow(root, chain, shadow) {
    let found = [root];
    for (const part of chain) {
      if (part.filter) found = part.filter(found);
      else if (found.length === 1) found = part.search(found[0], shadow);
      else found = union(root, found, part, shadow);
      if (!found.length) break;
    }
    return found;
  }

  function union(root, scopes, part, shadow) {
    const all = new Set();
    for (const scope of scopes) {
      for (const element of part.search(scope, shadow)) all.add(element);
    }
    return allDescendants(root).filter((element) => all.has(element));
  }

  /** Parsed alternatives, from memory where possible. */
  function parseAll(alternatives) {
    return asList(alternatives).map((selector) => {
      let chain = known.get(selector);
      if (!chain) {
        if (known.size >= MAX_KNOWN) known.clear();
        known.set(selector, (chain = parse(selector)));
      }
      return chain;
    });
  }

  function asList(alternatives) {
    let list = alternatives;
    if (typeof list === "string") {
      try {
        list = JSON.parse(list);
      } catch {
        // A bare selector.
      }
    }
    if (!Array.isArray(list)) list = [alternatives];
    if (!list.length) throw invalid("there is no selector");
    return list;
  }

  function invalid(reason, at) {
    const place = at === undefined ? "" : ` at character ${at + 1}`;
    return new Error(`bykilt:invalid-selector: ${reason}${place}`);
  }

  /** Read one selector: parts joined by ` >> `. */
  function parse(selector) {
    if (typeof selector !== "string") throw invalid(`a selector is text, not ${JSON.stringify(selector)}`);
    const chain = [];
    for (let at = 0; at <= selector.length; ) {
      const { engine, body, start, next } = readPart(selector, at);
      try {
        chain.push(READERS[engine](body, chain.length === 0));
      } catch (error) {
        throw invalid(`${error.message}, in ${JSON.stringify(selector)}`, error.at === undefined ? undefined : start + error.at);
      }
      at = next;
    }
    return chain;
  }

  /** The part that starts at `at`: its engine, its body and where the next part starts. */
  function readPart(selector, at) {
    const rest = selector.slice(at);
    const prefix = /^\s*(?:(css|pierce|text|role|xpath|nth|visible|ref)=\s*)?/.exec(rest);
    const start = at + prefix[0].length;
    const body = selector.slice(start);
    const engine = prefix[1] ?? (/^\(*\/\//.test(body) ? "xpath" : "css");
    const length = bodyLength(body, engine);
    return { engine, body: body.slice(0, length).trimEnd(), start, next: start + length + " >> ".length };
  }

  /** How far a body reaches: up to a ` >> ` that is in no quotes. Free text may hold lone quotes. */
  function bodyLength(body, engine) {
    if (engine === "text") {
      const whole = /^("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\/(?:\\.|[^/\\])+\/[a-z]*)\s*(?= >> |$)/s.exec(body);
      if (whole) return whole[0].length;
    }
    const isQuoting = engine === "css" || engine === "pierce" || engine === "role" || engine === "xpath";
    for (let at = 0, quote = ""; at < body.length; at++) {
      const char = body[at];
      if (char === "\\" && engine !== "xpath") at++;
      else if (quote) quote = char === quote ? "" : quote;
      else if (isQuoting && (char === '"' || char === "'")) quote = char;
      else if (body.startsWith(" >> ", at)) return at;
    }
    return body.length;
  }

  const READERS = {
    css: readCss,
    nth: readNth,
    pierce: readPiercing,
    ref: readRef,
    role: readRole,
    text: (body) => {
      const parsed = text.parse(body);
      return { search: (root, shadow) => text.queryAll(root, parsed, shadow && hasShadow(root)) };
    },
    visible: readVisible,
    xpath: readXpath,
  };

  function readCss(body) {
    if (!body) throw new Error("a part is empty");
    const parsed = css.parse(body);
    return { css: parsed.text, search: (root, shadow) => css.queryAll(root, parsed, shadow && hasShadow(root)) };
  }

  /** CSS that closed shadow roots do not stop; the engine has to tell of them before (`bykiltTree.adopt`). */
  function readPiercing(body) {
    if (!body) throw new Error("pierce= needs a CSS selector, as in `pierce=my-card button`");
    const parsed = css.parse(body);
    return { search: (root) => css.pierceAll(root, parsed) };
  }

  function readNth(body, isFirst) {
    if (!/^-?\d+$/.test(body)) throw new Error(`nth= needs a whole number, got ${JSON.stringify(body)}`);
    if (isFirst) throw new Error("nth= needs a part before it, as in `li >> nth=0`");
    return { filter: (found) => found.slice(Number(body)).slice(0, 1) };
  }

  /** An element by the number that a snapshot gave it; see references.js. */
  function readRef(body) {
    if (!/^e\d{1,12}$/.test(body)) throw new Error(`ref= takes a reference such as e12, got ${JSON.stringify(body)}`);
    return { search: (root) => [references.find(Number(body.slice(1)))].filter((element) => element && isBelow(element, root)) };
  }

  function isBelow(element, root) {
    if (root === element.ownerDocument) return true;
    for (let at = element; at; at = parent(at)) {
      if (at === root || at.getRootNode() === root) return true;
    }
    return false;
  }

  function readVisible(body, isFirst) {
    if (body !== "true" && body !== "false") throw new Error(`visible= is true or false, got ${JSON.stringify(body)}`);
    if (isFirst) throw new Error("visible= needs a part before it, as in `button >> visible=true`");
    return { filter: (found) => found.filter((element) => isVisible(element) === (body === "true")) };
  }

  /** XPath sees one tree only: it enters no shadow root. */
  function readXpath(body) {
    let relative;
    try {
      new XPathEvaluator().createExpression(body);
      relative = new XPathEvaluator().createExpression(body.replace(/^(\(*)\//, "$1./"));
    } catch {
      throw new Error(`${JSON.stringify(body)} is not valid XPath`);
    }
    return { search: (root) => evaluate(relative, root, body) };
  }

  function evaluate(expression, root, body) {
    // A shadow root is nothing that XPath knows.
    if (root.nodeType === Node.DOCUMENT_FRAGMENT_NODE) return [];
    const found = [];
    let result;
    try {
      result = expression.evaluate(root, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE);
    } catch {
      throw invalid(`${JSON.stringify(body)} yields no elements`);
    }
    for (let at = 0; at < result.snapshotLength; at++) {
      const node = result.snapshotItem(at);
      if (node.nodeType === Node.ELEMENT_NODE) found.push(node);
    }
    return found;
  }

  const ROLE_ATTRIBUTES = new Set(["checked", "disabled", "expanded", "include-hidden", "level", "name", "pressed", "selected"]);
  const ATTRIBUTE = /\s*\[\s*([a-zA-Z-]+)\s*(?:([*^$]?=)\s*(?:("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')\s*([is])?|\/((?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[])+)\/([a-z]*)|([\w-]+))\s*)?\]\s*/sy;

  /** `button[name="Save"][checked]` and so on. */
  function readRole(body) {
    const wanted = /^[a-zA-Z-]+/.exec(body)?.[0];
    if (!wanted) throw new Error("role= needs the name of a role, as in `role=button`");
    const tests = [];
    const filter = { role: wanted.toLowerCase() === "image" ? "img" : wanted.toLowerCase(), tests, includeHidden: false };
    for (let at = wanted.length; at < body.length; at = ATTRIBUTE.lastIndex) {
      ATTRIBUTE.lastIndex = at;
      const match = ATTRIBUTE.exec(body);
      if (!match) throw Object.assign(new Error(`expected something like [name="Save"] or [checked]`), { at });
      readRoleAttribute(match, filter, at);
    }
    return { search: (root) => cached(() => descendants(root).filter((element) => hasRole(element, filter))) };
  }

  function readRoleAttribute([, attribute, operator, quoted, flag, source, flags, bare], filter, at) {
    const fail = (reason) => Object.assign(new Error(reason), { at });
    if (!ROLE_ATTRIBUTES.has(attribute)) throw fail(`role= knows no [${attribute}], only ${[...ROLE_ATTRIBUTES].join(", ")}`);
    if (attribute === "name") {
      if (quoted === undefined && source === undefined) throw fail('write the name in quotes, as in [name="Save"]');
      const test = source === undefined ? nameTest(unquote(quoted), operator, flag) : text.tester(source, flags);
      filter.tests.push((element) => test(name(element)));
      return;
    }
    if (operator && operator !== "=") throw fail(`[${attribute}] takes only =`);
    if (source !== undefined) throw fail(`[${attribute}] takes no regular expression`);
    const value = bare ?? (quoted === undefined ? "true" : unquote(quoted));
    const isWord = attribute === "level" ? /^\d+$/ : /^(checked|pressed)$/.test(attribute) ? /^(true|false|mixed)$/ : /^(true|false)$/;
    if (!isWord.test(value)) throw fail(`[${attribute}] cannot be ${JSON.stringify(value)}`);
    if (attribute === "include-hidden") filter.includeHidden = value === "true";
    else filter.tests.unshift((element) => String(states(element)[attribute]) === value);
  }

  function unquote(quoted) {
    return normalise(quoted.slice(1, -1).replace(/\\(.)/gs, "$1"));
  }

  /** A test for a name: `=` the whole of it, `*=` a part, `^=` its start, `$=` its end; flag `i`: in any case. */
  function nameTest(wanted, operator, flag) {
    const fold = flag === "i" ? (given) => given.toLowerCase() : (given) => given;
    const value = fold(wanted);
    if (operator === "*=") return (given) => fold(given).includes(value);
    if (operator === "^=") return (given) => fold(given).startsWith(value);
    if (operator === "$=") return (given) => fold(given).endsWith(value);
    return (given) => fold(given) === value;
  }

  function hasRole(element, filter) {
    if (role(element) !== filter.role) return false;
    if (!filter.includeHidden && isHiddenForAria(element)) return false;
    return filter.tests.every((test) => test(element));
  }

  globalThis.bykiltSelectors = Object.freeze({ best, find, findFirst, parse: parseAll, pick, queryAll, validate });
})();
