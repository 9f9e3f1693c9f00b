// Shows an answer: the faces on the photo, the words, the picture grid, the people as a table.

import { describe, facesText, percentileText, readableName } from "./words.js";

export const at = (id) => document.getElementById(id);

const PARTS = ["words", "picture", "people"];

// `choose` is called with the number of another face. Nothing is shown once `signal` says that nobody waits.
export async function showAnswer(answer, signal, choose) {
  const [searched] = answer.searched;
  const grid = new Image();
  grid.src = `data:${searched.grid.media_type};base64,${searched.grid.base64}`;
  await grid.decode();
  signal.throwIfAborted();
  if (answer.photo_jpeg) at("photo").src = `data:image/jpeg;base64,${answer.photo_jpeg}`;
  grid.alt = searched.grid.alt_text;
  at("picture").replaceChildren(grid);
  showFaces(answer, searched.face, choose);
  const { headline, sentence, poor } = describe(searched);
  at("words").className = searched.matches[0]?.score.word ?? "faint";
  at("headline").textContent = headline;
  at("sentence").textContent = sentence;
  at("poor").textContent = poor;
  at("poor").hidden = !poor;
  at("rows").replaceChildren(...searched.matches.map(row));
  // The headline is far from what a screen reader hears of.
  at("status").replaceChildren(facesText(answer.faces.length, searched.face), element("span", "unseen", ` ${headline}.`));
  for (const part of PARTS) at(part).hidden = false;
  document.body.classList.add("answered");
}

// The faces stay to be chosen from: another one may be answered.
export function hideAnswer() {
  for (const part of PARTS) at(part).hidden = true;
}

export function hideFaces() {
  at("faces").replaceChildren(at("faces").firstElementChild); // the legend
}

// A radio button over each face: a click chooses it, and so do the arrow keys.
function showFaces({ faces, width_px: width, height_px: height }, chosen, choose) {
  const group = at("faces");
  const radios = () => group.querySelectorAll("input");
  if (radios().length !== faces.length) { // the first answer about this photo
    group.append(...faces.map((face, index) => frame(face.box_px, width, height, index + 1, choose)));
    group.disabled = faces.length < 2;
  }
  if (chosen) radios()[chosen - 1].checked = true;
}

// In hundredths of the photo, so that it stays in its place however large the photo is shown.
function frame([x0, y0, x1, y1], width, height, number, choose) {
  const part = (value, whole) => 100 * Math.min(Math.max(value / whole, 0), 1);
  const [left, top] = [part(x0, width), part(y0, height)];
  const radio = Object.assign(element("input", "unseen"), { type: "radio", name: "face", value: number });
  radio.addEventListener("change", () => choose(number));
  const label = element("label", "", radio, element("span", "unseen", "Face "), element("span", "tag", number));
  label.classList.toggle("at-top", top < 8);
  Object.assign(label.style, {
    left: `${left}%`, top: `${top}%`, width: `${part(x1, width) - left}%`, height: `${part(y1, height) - top}%`,
  });
  return label;
}

function row({ rank, person, score, photos_agreeing: agreeing, photos_total: total }) {
  const name = element("th", "", readableName(person));
  name.scope = "row";
  return element("tr", score.word,
    element("td", "", element("span", "rank", rank)),
    name,
    element("td", "word", score.word),
    element("td", "number", percentileText(score.percentile)),
    element("td", "number", `${agreeing} of ${total}`));
}

// Texts become text nodes: no name of a gallery can become markup.
function element(tag, className, ...children) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}
