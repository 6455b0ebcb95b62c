// A button beside each request that copies it, and opens the operation that the address names.

const words = document.querySelector("[data-copy]").dataset;

for (const line of document.querySelectorAll(".line")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button--quiet";
  button.textContent = words.copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(line.querySelector("pre").textContent);
    button.textContent = words.copied;
    setTimeout(() => (button.textContent = words.copy), 2000);
  });
  line.append(button);
}

function open() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) {
    named.open = true;
    named.scrollIntoView();
  }
}

addEventListener("hashchange", open);
open();
