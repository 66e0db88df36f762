// The orders table: asks the server for one page at a time and draws it.
// #orders carries what it shows: data-page, data-status, data-text and aria-busy.
const table = document.getElementById("orders");
const state = { status: "", text: "", sort: "number", descending: false, page: 1, size: 15 };
let latest = 0;

async function load(change) {
  Object.assign(state, { page: 1 }, change);
  const turn = ++latest;
  table.setAttribute("aria-busy", "true");
  const answer = await fetch("/api/orders?" + new URLSearchParams(state));
  const found = await answer.json();
  // An older answer that arrives late must not overwrite a newer one.
  if (turn === latest) draw(found);
}

function draw(found) {
  const body = document.createElement("tbody");
  body.append(...found.rows.map(row));
  if (!found.rows.length) body.append(emptyRow());
  table.tBodies[0].replaceWith(body);
  document.getElementById("summary").textContent = found.summary;
  document.getElementById("place").textContent = found.place;
  drawSorting();
  drawPager(found.page, found.pages);
  Object.assign(table.dataset, { page: found.page, status: state.status, text: state.text });
  table.setAttribute("aria-busy", "false");
}

function row(order) {
  const line = document.createElement("tr");
  line.dataset.number = order.number;
  const link = Object.assign(document.createElement("a"), { href: "/orders/" + order.number, textContent: order.number });
  const pill = Object.assign(document.createElement("span"), { className: "pill " + order.status, textContent: order.status_name });
  for (const [name, content] of [["number", link], ["date", order.date], ["customer", order.customer], ["city", order.city], ["amount", order.amount], ["status", pill]]) {
    const cell = line.insertCell();
    cell.className = name;
    cell.append(content);
  }
  return line;
}

function emptyRow() {
  const line = document.createElement("tr");
  const cell = line.insertCell();
  cell.colSpan = 6;
  cell.className = "empty";
  cell.textContent = table.dataset.empty;
  return line;
}

function drawSorting() {
  for (const button of table.tHead.querySelectorAll("button")) {
    const chosen = button.dataset.sort === state.sort;
    const direction = chosen ? (state.descending ? "descending" : "ascending") : "none";
    button.closest("th").setAttribute("aria-sort", direction);
  }
}

function drawPager(page, pages) {
  const pager = document.getElementById("pager");
  const numbers = Array.from({ length: pages }, (_, index) => pageButton(String(index + 1), index + 1, index + 1 === page));
  const previous = pageButton(pager.dataset.previous, page - 1);
  const next = pageButton(pager.dataset.next, page + 1);
  previous.disabled = page === 1;
  next.disabled = page === pages;
  pager.replaceChildren(previous, ...numbers, next);
}

function pageButton(text, page, isCurrent) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  if (isCurrent !== undefined) {
    button.className = "page";
    button.setAttribute("aria-label", document.getElementById("pager").dataset.label.replace("{}", text));
  }
  if (isCurrent) button.setAttribute("aria-current", "page");
  button.addEventListener("click", () => load({ page }));
  return button;
}

let typing;
document.getElementById("filter-text").addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => load({ text: event.target.value }), 150);
});
document.getElementById("filter-status").addEventListener("change", (event) => load({ status: event.target.value }));
document.getElementById("page-size").addEventListener("change", (event) => load({ size: event.target.value }));
document.getElementById("clear").addEventListener("click", () => {
  document.getElementById("filter-text").value = "";
  document.getElementById("filter-status").value = "";
  load({ text: "", status: "" });
});
table.tHead.addEventListener("click", (event) => {
  const sort = event.target.closest("button")?.dataset.sort;
  if (sort) load({ sort, descending: sort === state.sort && !state.descending });
});
load({});
