/**
 * Form controls: choosing options, setting values that have no text to type into, making a field ready for typing.
 *
 * Knows what a control accepts and which events a person's choice would cause. Sends no keys and no clicks.
 */
(() => {
  if (globalThis.bykiltForms) return;
  const { normalise } = globalThis.bykiltTree;
  const { checkedState } = globalThis.bykiltRoles;
  const { describe, isDisabled, isEditable, labelTarget } = globalThis.bykiltVisibility;

  /** How a value is written for the inputs that open a picker instead of taking text. */
  const FORMATS = {
    color: "#rrggbb, such as #ff8800",
    date: "YYYY-MM-DD, such as 2026-01-31",
    "datetime-local": "YYYY-MM-DDThh:mm, such as 2026-01-31T18:30",
    month: "YYYY-MM, such as 2026-01",
    number: "a number, such as 12.5",
    range: "a number between its min and max, on one of its steps",
    time: "hh:mm, such as 18:30",
    week: "YYYY-Www, such as 2026-W05",
  };

  /** Tell the page of a change, as after a person's choice. */
  function announce(field) {
    field.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /**
   * Choose options of a <select>, and only these; an empty list clears one that allows several.
   *
   * wanted: one of `{value: [...]}`, `{label: [...]}`, `{index: [...]}`.
   * @returns {{values: string[]}|{reason: string, seen: string, missing: Array, available: Array}} the values that are
   *   selected now; or why nothing was changed: `not_a_select`, `disabled`, `not_multiple`, `option_not_found` or
   *   `option_disabled`, with the options there are as `{value, label, index, disabled}`
   */
  function selectOptions(element, wanted) {
    const select = labelTarget(element);
    if (select.localName !== "select") return refuse("not_a_select", `${describe(select)} is not a <select>`);
    const disabled = isDisabled(select);
    if (disabled) return refuse("disabled", disabled);
    const key = ["value", "label", "index"].find((name) => wanted[name]);
    const asked = [wanted[key]].flat();
    if (!select.multiple && asked.length !== 1) return refuse("not_multiple", "it takes exactly one option");
    const found = asked.map((text) => findOption(select, key, text));
    const missing = asked.filter((_, at) => !found[at]);
    if (missing.length) return refuse("option_not_found", `it has no option with ${key} ${quote(missing)}`, missing, select);
    const refused = asked.filter((_, at) => found[at].matches(":disabled"));
    if (refused.length) return refuse("option_disabled", `the option with ${key} ${quote(refused)} is disabled`, refused, select);
    choose(select, new Set(found));
    return { values: [...select.selectedOptions].map((option) => option.value) };
  }

  function refuse(reason, seen, missing = [], select = null) {
    const available = [...(select?.options ?? [])].map((option) => ({
      value: option.value, label: normalise(option.label), index: option.index, disabled: option.matches(":disabled"),
    }));
    return { reason, seen, missing, available };
  }

  function quote(list) {
    return list.map((text) => JSON.stringify(text)).join(", ");
  }

  /** The option that is meant; of several with the same value or label, the first that is enabled. */
  function findOption(select, key, wanted) {
    if (key === "index") return select.options[wanted];
    const isMeant = key === "value"
      ? (option) => option.value === wanted
      : (option) => normalise(option.label) === normalise(wanted) || normalise(option.text) === normalise(wanted);
    const meant = [...select.options].filter(isMeant);
    return meant.find((option) => !option.matches(":disabled")) ?? meant[0];
  }

  function choose(select, chosen) {
    select.focus();
    if (select.multiple) for (const option of select.options) option.selected = chosen.has(option);
    else select.selectedIndex = [...chosen][0].index;
    announce(select);
  }

  /**
   * Set a value that cannot be typed as text: of a date, time, colour or range input. A number is typed, but only
   * if it is one: of anything else the field would show nothing.
   * @returns {{handled: false}|{handled: true, ok: true, value: string}|{handled: true, ok: false, reason: string}}
   *   `handled` false: the field takes text, so type it
   */
  function setTypedValue(element, text) {
    const field = labelTarget(element);
    const format = field.localName === "input" && FORMATS[field.type];
    if (!format) return { handled: false };
    const wanted = String(text).trim();
    if (field.type === "number") return isNumber(wanted) ? { handled: false } : misfit(field, wanted);
    const before = field.value;
    setNatively(field, wanted);
    if (!isTaken(field, wanted)) {
      setNatively(field, before);
      return misfit(field, wanted);
    }
    field.focus();
    announce(field);
    return { handled: true, ok: true, value: field.value };
  }

  function misfit(field, wanted) {
    const reason = `${JSON.stringify(wanted)} does not fit an <input type="${field.type}">: write ${FORMATS[field.type]}`;
    return { handled: true, ok: false, reason };
  }

  /** Whether a number field takes the text, as HTML defines floating-point numbers; an empty text clears it. */
  function isNumber(text) {
    return /^(-?(\d+(\.\d+)?|\.\d+)([eE][-+]?\d+)?)?$/.test(text);
  }

  /** Set the value past what a framework may have put on the element to watch it. */
  function setNatively(field, value) {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, value);
  }

  /** Whether the browser kept the value: what does not fit it drops, or moves to the nearest that does. */
  function isTaken(field, wanted) {
    if (field.type === "range") return wanted !== "" && Math.abs(Number(wanted) - Number(field.value)) < 1e-9;
    if (field.type === "color") return field.value === wanted.toLowerCase();
    // "18:30" may come back as "18:30:00", "2026-01-31 18:30" with a T.
    return wanted === "" || field.value !== "";
  }

  /**
   * Give the field the focus and select all it holds, so that what is typed next replaces it.
   * @returns {{ok: true}|{ok: false, reason: string}}
   */
  function prepareFill(element) {
    const reason = isEditable(element);
    if (reason) return { ok: false, reason };
    const field = labelTarget(element);
    field.focus();
    const tree = field.getRootNode();
    if (!field.matches(":focus") && !field.matches(":focus-within")) return { ok: false, reason: "it does not take the focus" };
    if (field.localName === "input" || field.localName === "textarea") field.select();
    else (tree.getSelection ? tree : document).getSelection().selectAllChildren(field);
    return { ok: true };
  }

  /** Whether a checkbox, a radio button or their like by role is ticked: true, false, "mixed"; null for anything else. */
  function isChecked(element) {
    const control = labelTarget(element);
    if (control.localName === "input" && !/^(checkbox|radio)$/.test(control.type)) return null;
    return checkedState(control);
  }

  globalThis.bykiltForms = Object.freeze({ announce, isChecked, prepareFill, selectOptions, setTypedValue });
})();
