// The page: a photo comes in, is asked about, and the answer is shown. All there is to remember is in `state`.

import { hasCamera, takePhoto } from "./camera.js";
import { Problem, checkSize, find, readLimits } from "./service.js";
import { describe, percentileText, readableName } from "./words.js";

const at = (id) => document.getElementById(id);
const state = { file: null, photo: null, face: 1, key: "", running: null };
const limits = readLimits();

// From a photo to its answer ---------------------------------------------------------------------------------------

function take(file) {
  if (!file) return;
  reset();
  state.file = file;
  at("photo").src = URL.createObjectURL(file);
  at("invitation").hidden = true;
  at("forget").hidden = false;
  ask(1);
}

// Another face is asked for with the photo again: the service has kept nothing.
async function ask(face) {
  state.running?.abort();
  const running = new AbortController();
  Object.assign(state, { face, running });
  hideProblem();
  busy(true);
  try {
    checkSize(state.file, (await limits).photoBytes);
    const photo = state.photo ?? await read(state.file);
    running.signal.throwIfAborted(); // meanwhile it may be another file's turn
    state.photo = photo;
    // Only of a JPEG do all browsers show what the service reads: upright, one picture, nothing transparent.
    const keepPhoto = !isJpeg(photo) && !drawnByService();
    await show(await find(photo, { face, keepPhoto, key: state.key, signal: running.signal }), running.signal);
  } catch (error) {
    if (running.signal.aborted) return; // there is a newer question, or none any more
    hideAnswer();
    document.body.classList.remove("answered");
    showProblem(error);
  }
  busy(false);
}

const drawnByService = () => at("photo").src.startsWith("data:");

function isJpeg(photo) {
  const [first, second] = new Uint8Array(photo);
  return first === 0xff && second === 0xd8;
}

// Into memory: the file itself may be changed or moved before another face is asked for.
async function read(file) {
  try {
    return await file.arrayBuffer();
  } catch {
    throw new Problem("This file cannot be read.", "Is it a folder, or has it been moved?");
  }
}

function reset() {
  state.running?.abort();
  URL.revokeObjectURL(at("photo").src);
  at("photo").removeAttribute("src");
  Object.assign(state, { file: null, photo: null, face: 1, running: null });
  at("frame").hidden = true;
  at("faces").replaceChildren(at("faces").firstElementChild);
  hideAnswer();
  hideProblem();
  busy(false);
}

function forget() {
  reset();
  document.body.classList.remove("answered");
  at("invitation").hidden = false;
  at("forget").hidden = true;
  at("file").focus();
}

// What is seen -----------------------------------------------------------------------------------------------------

async function show(answer, signal) {
  if (answer.photo_jpeg) {
    at("photo").src = `data:image/jpeg;base64,${answer.photo_jpeg}`;
  }
  const [searched] = answer.searched;
  at("grid").src = `data:${searched.grid.media_type};base64,${searched.grid.base64}`;
  await at("grid").decode();
  signal.throwIfAborted();
  at("grid").alt = searched.grid.alt_text;
  at("grid").width = searched.grid.width_px;
  at("grid").height = searched.grid.height_px;
  showFaces(answer, searched.face);
  const { headline, sentence, poor } = describe(searched);
  at("headline").textContent = headline;
  at("words").className = searched.matches[0]?.score.word ?? "faint";
  at("sentence").textContent = sentence;
  at("poor").textContent = poor;
  at("poor").hidden = !poor;
  at("rows").replaceChildren(...searched.matches.map(row));
  for (const id of ["words", "picture", "people"]) at(id).hidden = false;
  document.body.classList.add("answered");
  // The headline is far away from what a screen reader hears of.
  at("status").replaceChildren(facesText(answer.faces.length, searched.face), element("span", "unseen", ` ${headline}.`));
}

function facesText(faces, chosen) {
  if (faces > 1) return `Face ${chosen} of ${faces}: choose another.`;
  return faces ? "One face in the photo." : "The photo as a whole.";
}

// A radio button over each face: a click chooses it, and so do the arrow keys.
function showFaces({ faces, width_px: width, height_px: height }, chosen) {
  const group = at("faces");
  if (group.querySelectorAll("label").length !== faces.length) {
    group.replaceChildren(group.firstElementChild, ...faces.map((face, index) => frame(face, index + 1, width, height)));
    group.disabled = faces.length < 2;
  }
  const radio = group.querySelector(`input[value="${chosen}"]`);
  if (radio) radio.checked = true;
}

function frame({ box_px: [x0, y0, x1, y1] }, number, width, height) {
  const within = (value, most) => 100 * Math.min(Math.max(value / most, 0), 1);
  const [left, right, top, bottom] = [within(x0, width), within(x1, width), within(y0, height), within(y1, height)];
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "face", value: number });
  radio.className = "unseen";
  radio.addEventListener("change", () => ask(number));
  const label = element("label", "", radio, element("span", "unseen", "Face "), element("span", "tag", number));
  label.classList.toggle("at-top", top < 8);
  Object.assign(label.style, {
    left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%`,
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

function hideAnswer() {
  for (const id of ["words", "picture", "people"]) at(id).hidden = true;
}

function busy(yes) {
  document.body.classList.toggle("busy", yes);
  if (yes) at("status").textContent = "Looking at the photo…";
  else if (at("words").hidden) at("status").textContent = "";
}

function showProblem(error) {
  const known = error instanceof Problem;
  if (!known) console.error(error);
  const [message, hint] = error.code === "unauthorized" ? askForKey()
    : known ? [error.message, error.hint]
    : ["Something went wrong on this page.", "Load it again."];
  at("problem-message").textContent = message;
  at("problem-hint").textContent = hint;
  at("again").hidden = !error.again;
  at("problem").hidden = false;
  at("problem").scrollIntoView({ block: "nearest" });
}

function hideProblem() {
  at("problem").hidden = true;
}

function askForKey() {
  const wrong = Boolean(state.key);
  state.key = "";
  at("key-form").hidden = false;
  at("key").focus();
  return [wrong ? "This is not the key of the service." : "This service asks for a key.", "Type it above."];
}

// Where photos come from -------------------------------------------------------------------------------------------

function takeFrom(files) {
  const photos = [...files];
  take(photos.find((file) => file.type.startsWith("image/")) ?? photos[0]);
}

for (const input of [at("file"), at("capture")]) {
  input.addEventListener("change", () => {
    takeFrom(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
}

document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) {
    event.preventDefault();
    takeFrom(event.clipboardData.files);
  } else if (event.target !== at("key")) {
    showProblem(new Problem("What was pasted is not a photo.", "Copy a picture itself, not its address."));
  }
});

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (event.dataTransfer.files.length) takeFrom(event.dataTransfer.files);
  else showProblem(new Problem("What was dropped is not a photo.", "Save the picture, then drop its file."));
});

at("open-camera").addEventListener("click", () => takePhoto().then(take, showProblem));
// A phone's own camera app is better at this.
const onPhone = matchMedia("(pointer: coarse)").matches;
at("phone-camera").hidden = !onPhone;
at("open-camera").hidden = onPhone || !hasCamera;

// The rest ---------------------------------------------------------------------------------------------------------

at("photo").addEventListener("load", () => { at("frame").hidden = false; });
at("photo").addEventListener("error", () => { at("frame").hidden = true; }); // a kind that only the service reads
at("again").addEventListener("click", () => ask(state.face));
at("forget").addEventListener("click", forget);
at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.key = at("key").value.trim();
  at("key").value = "";
  at("key-form").hidden = true;
  hideProblem();
  if (state.file) ask(state.face);
  else at("file").focus();
});
limits.then(({ needsKey }) => { at("key-form").hidden = !needsKey || Boolean(state.key); });
