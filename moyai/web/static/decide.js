// The decision form, where there are scripts: “all” and “none” set the choices in place (without scripts they are links
// that load the form with the choices set), the summary follows each choice, and Enter in a choice does nothing
// (without scripts it shows the choices again).

const form = document.querySelector("form[data-decide]");
const summary = document.querySelector("[data-summary]");
const links = [...form.querySelectorAll("[role=radiogroup]")];
const chosen = (link) => link.querySelector("input:checked")?.value;
const filled = (text, numbers) => text.replace(/\{(\w+)\}/g, (_, name) => numbers[name]);

function summarize() {
  const values = links.map(chosen);
  const numbers = {
    all: links.length,
    given: values.filter((value) => value === "given").length,
    open: values.filter((value) => value === undefined).length,
  };
  summary.textContent = filled(numbers.open ? summary.dataset.open : summary.dataset.whole, numbers);
}

for (const preset of document.querySelectorAll("a[data-choose]")) {
  preset.setAttribute("role", "button");
  preset.addEventListener("click", (event) => {
    event.preventDefault();
    for (const link of links) link.querySelector(`input[value="${preset.dataset.choose}"]`).checked = true;
    summarize();
  });
  preset.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    preset.click();
  });
}
form.addEventListener("submit", (event) => {
  if (event.submitter?.value === "look") event.preventDefault();
});
form.addEventListener("change", summarize);
summary.hidden = false;
summarize();
