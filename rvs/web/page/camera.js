// Takes a photo with the camera, in a dialog. The camera is on only while the dialog is open.

import { Problem } from "./service.js";

const PROBLEMS = {
  NotAllowedError: ["The camera may not be used.", "Allow it for this page in the browser, or choose a photo."],
  NotFoundError: ["There is no camera.", "Choose a photo."],
};
const IN_USE = ["The camera cannot be used.", "Perhaps another program uses it. Or choose a photo."];

// A page that does not come from this machine or over https has no camera of its own.
export const hasCamera = Boolean(navigator.mediaDevices?.getUserMedia);

// A JPEG, or null when the dialog was cancelled. Rejects with a Problem.
export async function takePhoto() {
  const dialog = document.getElementById("camera");
  const viewfinder = document.getElementById("viewfinder");
  const shoot = document.getElementById("shoot");
  const stream = await open();
  try {
    viewfinder.srcObject = stream;
    viewfinder.onplaying = () => { shoot.disabled = false; };
    dialog.showModal();
    return await new Promise((resolve) => {
      shoot.onclick = async () => {
        resolve(await still(viewfinder));
        dialog.close();
      };
      document.getElementById("close-camera").onclick = () => dialog.close();
      dialog.onclose = () => resolve(null); // also by the Escape key
    });
  } finally {
    stream.getTracks().forEach((track) => track.stop());
    viewfinder.srcObject = null;
    shoot.disabled = true;
  }
}

async function open() {
  try {
    const video = { facingMode: "user", width: { ideal: 1920 }, height: { ideal: 1080 } };
    return await navigator.mediaDevices.getUserMedia({ video });
  } catch (error) {
    throw new Problem(...(PROBLEMS[error.name] ?? IN_USE));
  }
}

function still(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.92); });
}
