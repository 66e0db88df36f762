/**
 * Short names for elements, such as `e12`, that hold as long as the element lives.
 *
 * Knows which number belongs to which element of this document. Numbers come from outside, so that no two frames of
 * a browser ever give out the same one. Keeps no element alive.
 */
(() => {
  if (globalThis.bykiltReferences) return;

  const numbers = new WeakMap();
  const elements = new Map();

  /** A function that gives the number of an element, from `start` on for those that have none; `next` is the next one. */
  function numbering(start) {
    const give = (element) => {
      let number = numbers.get(element);
      if (number === undefined) {
        number = give.next++;
        numbers.set(element, number);
        elements.set(number, new WeakRef(element));
      }
      return number;
    };
    give.next = start;
    return give;
  }

  /** The element of a number if it is still in the document, else null. */
  function find(number) {
    const element = elements.get(number)?.deref();
    if (!element) elements.delete(number);
    return element?.isConnected ? element : null;
  }

  globalThis.bykiltReferences = Object.freeze({ find, numbering });
})();
