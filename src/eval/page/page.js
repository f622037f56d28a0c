"use strict";
// Filters what is shown, and saves people's marks. The page asks nobody for anything.
const articles = [...document.querySelectorAll("article")];
const filter = document.getElementById("filter");
const count = document.getElementById("count");
let unsaved = false;

function show() {
  const [by, value] = filter.value.split("=");
  for (const article of articles) {
    const matches = !by || (article.dataset[by] || "").split(" ").includes(value);
    article.hidden = !matches;
  }
  count.textContent = `${articles.filter((article) => !article.hidden).length}건`;
}

function marks() {
  return articles.flatMap((article) => {
    const form = article.querySelector(".marks");
    if (!form) return [];
    const chosen = form.querySelector("input[type=radio]:checked");
    const remark = form.querySelector("input[type=text]").value.trim();
    if (!chosen && !remark) return [];
    const { id, kind } = article.dataset;
    return [{ id, kind, mark: chosen ? Number(chosen.value) : null, remark }];
  });
}

function save() {
  const { began, model } = document.body.dataset;
  const saved = { format: 1, began, model, reader: document.getElementById("reader").value.trim(), marks: marks() };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(saved, null, 2)], { type: "application/json" }));
  link.download = "marks.json";
  link.click();
  URL.revokeObjectURL(link.href);
  unsaved = false;
}

filter.addEventListener("change", show);
document.getElementById("save").addEventListener("click", save);
document.addEventListener("input", (event) => {
  if (event.target.closest(".marks")) unsaved = true;
});
window.addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});
show();
