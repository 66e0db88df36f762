// Shows the names of the chosen files before they are sent.
document.getElementById("files").addEventListener("change", (event) => {
  const list = document.getElementById("chosen");
  list.replaceChildren(...[...event.target.files].map((file) => {
    return Object.assign(document.createElement("li"), { textContent: file.name });
  }));
});
