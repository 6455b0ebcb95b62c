// The decision form, where there are scripts: “all” and “none” set the choices in place (without scripts they load the form
// with the choices set), the summary follows each choice, and Enter in a choice does nothing (without scripts it shows the
// choices again).

const form = document.querySelector("form[data-decide]");
const summary = document.querySelector("[data-summary]");
const links = [...form.querySelectorAll("[role=radiogroup]")];
const chosen = (link) => link.querySelector("input:checked");
const filled = (text, numbers) => text.replace(/\{(\w+)\}/g, (_, name) => numbers[name]);
const named = (link) => link.closest("fieldset").dataset.name;

function counted() {
  const choices = links.map(chosen);
  const numbers = {
    all: links.length,
    given: choices.filter((choice) => choice && "allows" in choice.dataset).length,
    open: choices.filter((choice) => !choice).length,
  };
  return filled(numbers.open ? summary.dataset.open : summary.dataset.whole, numbers);
}

function changing() {
  const names = links.filter((link) => chosen(link) && "changes" in chosen(link).dataset).map(named);
  return names.length
    ? filled(summary.dataset.some, { names: names.join(summary.dataset.between) })
    : summary.dataset.none;
}

function summarize() {
  summary.textContent = summary.dataset.whole ? counted() : changing();
}

for (const preset of document.querySelectorAll("button[data-choose]")) {
  preset.addEventListener("click", (event) => {
    event.preventDefault();
    for (const link of links) link.querySelector(`input[value="${preset.dataset.choose}"]`).checked = true;
    summarize();
  });
}
form.addEventListener("submit", (event) => {
  if (event.submitter?.value === "look") event.preventDefault();
});
form.addEventListener("change", summarize);
summary.hidden = false;
summarize();
