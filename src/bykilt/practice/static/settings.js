// The settings page is made of components with open shadow roots: a <setting-card> holds
// <setting-switch> elements, each with a shadow root of its own.
const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  :host { display: block; }
  section { padding: 20px 24px; background: var(--paper); border: 1px solid var(--line); border-radius: 10px; }
  h2 { margin: 0 0 4px; font-size: 16px; }
  p { margin: 0 0 12px; color: var(--quiet); }
  label { display: flex; gap: 10px; align-items: baseline; padding: 8px 0; cursor: pointer; }
  input { accent-color: var(--accent); width: 16px; height: 16px; position: relative; top: 2px; }
  small { display: block; color: var(--quiet); font-size: 13px; }
  button { margin-top: 12px; padding: 8px 16px; border: 0; border-radius: 6px; background: var(--accent); color: white; font: inherit; font-weight: 600; cursor: pointer; }
  button:focus-visible, input:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
  output { margin-left: 12px; color: var(--good); }
`);

function shadow(host, html) {
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet];
  root.innerHTML = html;
  return root;
}

customElements.define("setting-switch", class extends HTMLElement {
  connectedCallback() {
    const root = shadow(this, "<label><input type=checkbox><span><b></b><small></small></span></label>");
    const box = root.querySelector("input");
    box.name = this.getAttribute("name");
    box.checked = this.hasAttribute("on");
    box.setAttribute("aria-label", this.getAttribute("label"));
    root.querySelector("b").textContent = this.getAttribute("label");
    root.querySelector("small").textContent = this.getAttribute("hint");
  }
  get on() {
    return this.shadowRoot.querySelector("input").checked;
  }
});

customElements.define("setting-card", class extends HTMLElement {
  connectedCallback() {
    const root = shadow(this, "<section><h2></h2><p></p><div></div><button></button><output role=status></output></section>");
    root.querySelector("h2").textContent = this.getAttribute("heading");
    root.querySelector("p").textContent = this.getAttribute("text");
    root.querySelector("button").textContent = this.getAttribute("save");
    root.querySelector("button").addEventListener("click", () => this.save());
    for (const settings of JSON.parse(this.getAttribute("switches"))) {
      const element = document.createElement("setting-switch");
      for (const [name, value] of Object.entries(settings)) element.setAttribute(name, value);
      root.querySelector("div").append(element);
    }
  }
  async save() {
    const switches = [...this.shadowRoot.querySelectorAll("setting-switch")];
    const fields = new URLSearchParams(switches.map((one) => [one.getAttribute("name"), one.on ? "on" : "off"]));
    await (await fetch("/api/settings", { method: "POST", body: fields })).text();
    this.shadowRoot.querySelector("output").textContent = this.getAttribute("saved");
  }
});
