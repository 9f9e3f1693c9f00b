// The page: a photo comes in, is asked about, and the answer is shown. All there is to remember is in `state`.

import { at, hideAnswer, hideFaces, showAnswer } from "./answer.js";
import { Problem, checkKey, checkSize, find, keyWanted, readLimits } from "./service.js";
import { listen } from "./sources.js";

const state = { file: null, photo: null, face: 1, key: "", running: null };
const limits = readLimits();

function take(file) {
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
  at("problem").hidden = true;
  busy(true);
  try {
    const { photoBytes, needsKey } = await limits;
    checkSize(state.file, photoBytes);
    if (needsKey && !state.key) throw keyWanted();
    const photo = state.photo ?? await read(state.file);
    running.signal.throwIfAborted(); // meanwhile it may be another file's turn
    state.photo = photo;
    // Only of a JPEG do all browsers show what the service reads: upright, one picture, nothing transparent.
    const keepPhoto = !isJpeg(photo) && !at("photo").src.startsWith("data:");
    const answer = await find(photo, { face, keepPhoto, key: state.key, signal: running.signal });
    await showAnswer(answer, running.signal, ask);
  } catch (error) {
    if (running.signal.aborted) return; // there is a newer question, or none any more
    leaveAnswer();
    showProblem(error);
  }
  busy(false);
}

// Into memory: the file itself may be changed or moved before another face is asked for.
async function read(file) {
  try {
    return await file.arrayBuffer();
  } catch {
    throw new Problem("This file cannot be read.", "Is it a folder, or has it been moved?");
  }
}

function isJpeg(photo) {
  const [first, second] = new Uint8Array(photo);
  return first === 0xff && second === 0xd8;
}

function photoSeen({ type, target }) {
  target.parentElement.hidden = type === "error"; // a kind that only the service reads
  URL.revokeObjectURL(target.src);
}

function reset() {
  state.running?.abort();
  URL.revokeObjectURL(at("photo").src);
  at("photo").removeAttribute("src");
  at("frame").hidden = at("problem").hidden = true;
  Object.assign(state, { file: null, photo: null, face: 1, running: null });
  hideAnswer();
  hideFaces();
  busy(false);
}

function forget() {
  reset();
  leaveAnswer();
  at("invitation").hidden = false;
  at("forget").hidden = true;
  at("file").focus();
}

// Back to one column, which a new photo does not need: its answer comes at once.
function leaveAnswer() {
  hideAnswer();
  document.body.classList.remove("answered");
}

function busy(yes) {
  document.body.classList.toggle("busy", yes);
  if (yes) at("status").textContent = "Looking at the photo…";
  else if (at("words").hidden) at("status").textContent = "";
}

function showProblem(error) {
  if (!(error instanceof Problem)) {
    console.error(error);
    error = new Problem("Something went wrong on this page.", "Load it again.");
  }
  const [message, hint] = error.code === "unauthorized" ? askForKey() : [error.message, error.hint];
  at("problem-message").textContent = message;
  at("problem-hint").textContent = hint;
  at("again").hidden = !error.again || !state.file;
  at("problem").hidden = false;
  at("problem").scrollIntoView({ block: "nearest" });
}

function askForKey() {
  const wrong = Boolean(state.key);
  state.key = "";
  at("key-form").hidden = false;
  at("key").focus();
  at("key").select();
  return [wrong ? "This is not the key of the service." : "This service asks for a key.", "Type it above."];
}

async function useKey(event) {
  event.preventDefault();
  state.key = at("key").value.trim();
  try {
    await checkKey(state.key);
  } catch (error) {
    showProblem(error);
    return;
  }
  at("key").value = "";
  at("key-form").hidden = at("problem").hidden = true;
  if (state.file) ask(state.face);
  else at("file").focus();
}

listen(take, showProblem);
limits.then(({ needsKey }) => { at("key-form").hidden = !needsKey || Boolean(state.key); });
at("key-form").addEventListener("submit", useKey);
at("again").addEventListener("click", () => ask(state.face));
at("forget").addEventListener("click", forget);
at("photo").addEventListener("load", photoSeen);
at("photo").addEventListener("error", photoSeen);
