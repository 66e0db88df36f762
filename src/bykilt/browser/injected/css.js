/**
 * CSS that looks into open shadow trees, and into closed ones if asked.
 *
 * Knows how to take a CSS selector apart at its combinators, so that an ancestor may stand on the other side of a
 * shadow boundary. What a compound such as `a.b:not(.c)` means, the browser decides (`element.matches`); the
 * arguments of `:has()`, `:is()` and their like therefore stay within one tree.
 */
(() => {
  if (globalThis.bykiltCss) return;
  const { allDescendants, anyShadowOf, descendants, hasShadow, parent } = globalThis.bykiltTree;

  const CLOSING = { "(": ")", "[": "]" };

  /**
   * Read a CSS selector. Throws an Error with the reason in plain English, and `at`, the offset, where it is known.
   * @returns {{text: string, chains: Array<Array<{compound: string, combinator: string, scope: boolean}>>|null}}
   *   `chains` is null where the text cannot be taken apart: then each tree is searched on its own.
   */
  function parse(text) {
    // `> li` inside something means its children; CSS itself has no such form here.
    const full = /^\s*>/.test(text) ? `:scope ${text}` : text;
    const pieces = tokenise(full);
    try {
      document.createDocumentFragment().querySelector(full);
    } catch {
      throw new Error(`${JSON.stringify(text)} is not valid CSS${hint(text)}`);
    }
    return { text: full, chains: pieces && toChains(pieces) };
  }

  /** Advice for what other tools understand although it is not CSS. */
  function hint(text) {
    if (/:(contains|has-text|text)\b/.test(text)) return "; to search by text, use `text=…`, alone or after ` >> `";
    if (/:visible\b/.test(text)) return "; add ` >> visible=true` instead of :visible";
    if (/:(eq|first|last|nth)\b/.test(text)) return "; add ` >> nth=0` (the first) or ` >> nth=-1` (the last)";
    return "";
  }

  /** Compounds, combinators and commas of a selector, in order. */
  function tokenise(text) {
    const tokens = [];
    let start = 0;
    let at = 0;
    const flush = () => {
      if (at > start) tokens.push(text.slice(start, at));
    };
    while (at < text.length) {
      const separator = /^\s*([,>+~])\s*|^\s+/.exec(text.slice(at, at + 80));
      if (!separator) {
        at = afterUnit(text, at);
        continue;
      }
      flush();
      tokens.push(separator[1] ?? " ");
      at += separator[0].length;
      start = at;
    }
    flush();
    return tokens;
  }

  /** The offset behind the character, escape, string, comment or bracketed part that starts at `at`. */
  function afterUnit(text, at) {
    const char = text[at];
    if (char === "\\") return at + 2;
    if (char === '"' || char === "'") return afterString(text, at);
    if (char === "/" && text[at + 1] === "*") {
      const end = text.indexOf("*/", at + 2);
      return end < 0 ? text.length : end + 2;
    }
    if (!CLOSING[char]) return at + 1;
    let inner = at + 1;
    while (inner < text.length && text[inner] !== CLOSING[char]) inner = afterUnit(text, inner);
    if (inner >= text.length) throw problem(`the "${char}" is never closed`, at);
    return inner + 1;
  }

  function afterString(text, at) {
    for (let end = at + 1; end < text.length; end += text[end] === "\\" ? 2 : 1) {
      if (text[end] === text[at]) return end + 1;
    }
    throw problem("the quote is never closed", at);
  }

  function problem(reason, at) {
    return Object.assign(new Error(reason), { at });
  }

  /** The tokens as chains of steps, one chain per selector of the list; null where that is not safe. */
  function toChains(tokens) {
    const chains = [[]];
    let combinator = " ";
    for (const token of tokens.join("\0").replace(/^( \0)+|(\0 )+$/g, "").split("\0")) {
      if (token === ",") {
        chains.push([]);
      } else if (/^[ >+~]$/.test(token)) {
        combinator = token;
      } else {
        const bare = token.replace(/\[[^\]]*\]/g, "");
        // Inside brackets `:scope` means another element; `&` and comments need a real parser.
        if (/\(.*(:scope|&)|&|\/\*/.test(bare)) return null;
        chains.at(-1).push({ compound: token, combinator, scope: bare.includes(":scope") });
        combinator = " ";
      }
    }
    return chains;
  }

  /**
   * The elements below `root` that match, in composed order.
   * @param {Document|ShadowRoot|Element} root
   * @param {boolean} shadow whether there can be open shadow roots at or below `root`
   */
  function queryAll(root, parsed, shadow = hasShadow(root)) {
    if (!shadow) return [...root.querySelectorAll(parsed.text)];
    return matching(root, parsed, descendants(root), (element) => element.shadowRoot);
  }

  /** As `queryAll`, in closed shadow trees too, as far as `bykiltTree.adopt` was told of them. */
  function pierceAll(root, parsed) {
    return matching(root, parsed, allDescendants(root), anyShadowOf);
  }

  function matching(root, parsed, all, shadowOf) {
    if (!parsed.chains) return inEachTree(root, all, parsed.text, shadowOf);
    const scope = root.nodeType === Node.DOCUMENT_NODE ? root.documentElement : root;
    return all.filter((element) => parsed.chains.some((steps) => matches(element, steps, steps.length - 1, scope)));
  }

  function inEachTree(root, all, text, shadowOf) {
    const found = new Set(root.querySelectorAll(text));
    const roots = [root, ...all].map(shadowOf).filter(Boolean);
    for (const inner of roots) {
      for (const element of inner.querySelectorAll(text)) found.add(element);
    }
    return all.filter((element) => found.has(element));
  }

  /** Whether the steps up to number `at` end in this element. */
  function matches(element, steps, at, scope) {
    const { compound, combinator, scope: isScope } = steps[at];
    // Within `element.matches`, `:scope` is the element itself.
    if ((isScope && element !== scope) || !element.matches(compound)) return false;
    if (at === 0) return true;
    const next = combinator === " " || combinator === ">" ? parent : (from) => from.previousElementSibling;
    const isRepeated = combinator === " " || combinator === "~";
    for (let other = next(element); other; other = isRepeated ? next(other) : null) {
      if (matches(other, steps, at - 1, scope)) return true;
    }
    return false;
  }

  globalThis.bykiltCss = Object.freeze({ parse, pierceAll, queryAll });
})();
