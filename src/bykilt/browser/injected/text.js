/**
 * Finding elements by their text.
 *
 * Knows what the text of an element is and the three ways to ask for it. Knows nothing of roles or visibility.
 */
(() => {
  if (globalThis.bykiltText) return;
  const { descendants, hasShadow, normalise, parent } = globalThis.bykiltTree;

  const IGNORED = new Set(["script", "style", "noscript", "head", "template"]);
  const MIXING = "script,style,noscript,head,template,input:is([type=button i],[type=submit i],[type=reset i])";
  const BUTTONS = new Set(["button", "submit", "reset"]);
  const DEFAULT_CAPTIONS = { submit: "Submit", reset: "Reset" };

  /**
   * Read what stands behind `text=`: `foo` (somewhere in it, any case), `"Foo"` (all of it, exactly) or `/re/flags`.
   * @returns {{test: (text: string) => boolean, couldContain: (text: string) => boolean}}
   *   `couldContain` says of an element's text whether a smaller element inside may match.
   */
  function parse(body) {
    const expression = /^\/(.+)\/([a-z]*)$/s.exec(body);
    if (expression) {
      const test = tester(expression[1], expression[2]);
      return { test, couldContain: () => true };
    }
    const quoted = /^(["'])((?:\\.|(?!\1)[^\\])*)\1$/s.exec(body);
    if (quoted) {
      const wanted = normalise(quoted[2].replace(/\\(.)/gs, "$1"));
      return { test: (text) => text === wanted, couldContain: (text) => text.includes(wanted) };
    }
    const wanted = normalise(body).toLowerCase();
    if (!wanted) throw new Error("there is no text behind `text=`");
    const test = (text) => text.toLowerCase().includes(wanted);
    return { test, couldContain: test };
  }

  /** A function that tests a text with a regular expression. Throws an Error that says what is wrong with it. */
  function tester(source, flags) {
    let expression;
    try {
      expression = new RegExp(source, flags.replace(/[gy]/g, ""));
    } catch (error) {
      throw new Error(error.message.replace(/^Invalid/, "invalid"));
    }
    return (text) => expression.test(text);
  }

  /** The smallest elements below `root` whose text matches, in composed order. */
  function queryAll(root, { test, couldContain }, shadow = hasShadow(root)) {
    const mixed = mixedElements(root, shadow);
    const found = [];
    /** Visit what is inside `node`; say whether something there matched. */
    const search = (node) => {
      let isFound = false;
      for (const element of elementsIn(node)) {
        const text = normalise(textOf(element, mixed));
        if (!couldContain(text)) continue;
        if (search(element)) isFound = true;
        else if (test(text)) isFound = found.push(element) > 0;
      }
      return isFound;
    };
    search(root);
    return found;
  }

  /**
   * The elements below `root` whose text is more, or less, than their `textContent`: they hold scripts, captions of
   * inputs or shadow trees. For all others the browser's own, fast answer is right.
   * @returns {Map<Element, string|null>} with the text, once it is known
   */
  function mixedElements(root, shadow) {
    const causes = shadow
      ? descendants(root).filter((element) => element.shadowRoot || element.matches(MIXING))
      : root.querySelectorAll(MIXING);
    const mixed = new Map();
    for (const cause of causes) {
      for (let at = cause; at && !mixed.has(at); at = parent(at)) mixed.set(at, null);
    }
    return mixed;
  }

  function* elementsIn(node) {
    if (node.shadowRoot) yield* elementsIn(node.shadowRoot);
    for (let child = node.firstElementChild; child; child = child.nextElementSibling) {
      if (!IGNORED.has(child.localName)) yield child;
    }
  }

  /** The text of an element with its shadow tree, without scripts and styles; of a button that is an input, its caption. */
  function textOf(element, mixed) {
    if (!mixed.has(element)) return element.textContent;
    let text = mixed.get(element);
    if (text === null) {
      if (element.localName === "input") text = caption(element);
      else text = (element.shadowRoot ? childText(element.shadowRoot, mixed) : "") + childText(element, mixed);
      mixed.set(element, text);
    }
    return text;
  }

  function childText(node, mixed) {
    let text = "";
    for (let child = node.firstChild; child; child = child.nextSibling) {
      if (child.nodeType === Node.TEXT_NODE) text += child.data;
      else if (child.nodeType === Node.ELEMENT_NODE && !IGNORED.has(child.localName)) text += textOf(child, mixed);
    }
    return text;
  }

  /** What stands on an input that is a button; "" for any other input. */
  function caption(input) {
    if (!BUTTONS.has(input.type)) return "";
    return input.getAttribute("value") === null ? (DEFAULT_CAPTIONS[input.type] ?? "") : input.value;
  }

  globalThis.bykiltText = Object.freeze({ caption, parse, queryAll, tester });
})();
