// Three dialogs of the browser itself; what was answered is shown on the page.
const words = document.getElementById("dialogs").dataset;
const show = (text) => (document.getElementById("result").textContent = text);

document.getElementById("alert").addEventListener("click", () => {
  alert(words.alert);
  show(words.alertDone);
});
document.getElementById("confirm").addEventListener("click", () => {
  show(confirm(words.confirm) ? words.confirmYes : words.confirmNo);
});
document.getElementById("prompt").addEventListener("click", () => {
  const name = prompt(words.prompt, words.promptDefault);
  show(name === null ? words.promptNone : words.promptDone.replace("{}", name));
});
