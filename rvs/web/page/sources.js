// Where photos come from: a file chosen, pasted or dropped, a phone's camera app, the camera.

import { at } from "./answer.js";
import { hasCamera, takePhoto } from "./camera.js";
import { Problem } from "./service.js";

// `take` is called with each photo, as a Blob; `refuse` with a Problem.
export function listen(take, refuse) {
  const takeFrom = (files) => {
    const all = [...files];
    const photo = all.find((file) => file.type.startsWith("image/")) ?? all[0];
    if (photo) take(photo);
  };

  for (const input of [at("file"), at("capture")]) {
    input.addEventListener("change", () => {
      takeFrom(input.files);
      input.value = ""; // so that the same file can be chosen again
    });
  }

  document.addEventListener("paste", (event) => {
    if (event.target === at("key")) return;
    event.preventDefault();
    takeFrom(event.clipboardData.files);
    if (!event.clipboardData.files.length) {
      refuse(new Problem("What was pasted is not a photo.", "Copy a picture itself, not its address."));
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
    takeFrom(event.dataTransfer.files);
    if (!event.dataTransfer.files.length) {
      refuse(new Problem("What was dropped is not a photo.", "Save the picture, then drop its file."));
    }
  });

  let taking = null; // so that impatient clicks open one camera
  at("open-camera").addEventListener("click", () => {
    taking ??= takePhoto().then((photo) => photo && take(photo), refuse).finally(() => { taking = null; });
  });
  const onPhone = matchMedia("(pointer: coarse)").matches; // whose own camera app is better at this
  at("phone-camera").hidden = !onPhone;
  at("open-camera").hidden = onPhone || !hasCamera;
}
