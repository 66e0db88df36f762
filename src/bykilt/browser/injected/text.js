/**
 * Finding elements by their text.
 *
 * Knows what the text of an element is and the three ways to ask for it. Knows nothing of roles or visibility.
 */
(() => {
  if (globalThis.bykiltText) return;
  const { normalise } = globalThis.bykiltTree;

  const IGNORED = new Set(["script", "style", "noscript", "head", "template"]);
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
  function queryAll(root, { test, couldContain }) {
    const texts = new Map();
    const found = [];
    /** Visit what is inside; say whether something there matched. */
    const search = (node) => {
      let any = false;
      for (const element of elementsIn(node)) {
        const text = normalise(textOf(element, texts));
        if (!couldContain(text)) continue;
        const place = found.length;
        if (search(element)) any = true;
        else if (test(text)) {
          found.splice(place, 0, element);
          any = true;
        }
      }
      return any;
    };
    search(root);
    return found;
  }

  function elementsIn(node) {
    const children = [...node.childNodes];
    const all = node.shadowRoot ? [...node.shadowRoot.childNodes, ...children] : children;
    return all.filter((child) => child.nodeType === Node.ELEMENT_NODE && !IGNORED.has(child.localName));
  }

  /** The text of an element with its shadow tree, without scripts and styles; of a button that is an input, its caption. */
  function textOf(node, texts) {
    const known = texts.get(node);
    if (known !== undefined) return known;
    let text = "";
    if (node.localName === "input") text = caption(node);
    else {
      if (node.shadowRoot) text += childText(node.shadowRoot, texts);
      text += childText(node, texts);
    }
    texts.set(node, text);
    return text;
  }

  function childText(node, texts) {
    let text = "";
    for (let child = node.firstChild; child; child = child.nextSibling) {
      if (child.nodeType === Node.TEXT_NODE) text += child.data;
      else if (child.nodeType === Node.ELEMENT_NODE && !IGNORED.has(child.localName)) text += textOf(child, texts);
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
