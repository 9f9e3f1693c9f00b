// Asks the service. Whatever goes wrong becomes a Problem: a sentence, a hint, and whether asking again may help.
// Addresses are relative, so that the service may also stand below a path of a proxy.

export class Problem extends Error {
  constructor(message, hint, { code = "", again = false } = {}) {
    super(message);
    this.hint = hint;
    this.code = code;
    this.again = again;
  }
}

export const keyWanted = () => new Problem("This service asks for a key.", "", { code: "unauthorized" });

// What the service says of itself. When it cannot be reached, the first question will tell.
export async function readLimits() {
  try {
    const document = await (await fetch("v1/openapi.json")).json();
    return {
      photoBytes: document.paths["/v1/find"].post.requestBody["x-max-bytes"] ?? Infinity,
      needsKey: Boolean(document.components.securitySchemes),
    };
  } catch {
    return { photoBytes: Infinity, needsKey: false };
  }
}

export function checkSize(photo, mostBytes) {
  if (photo.size > mostBytes) {
    const megabytes = (photo.size / 2 ** 20).toFixed(1);
    const most = Number((mostBytes / 2 ** 20).toPrecision(4));
    throw new Problem(
      `This photo has ${megabytes} MB; at most ${most} MB are taken.`,
      "Choose a smaller version of it.",
    );
  }
}

// The document of POST /v1/find, with the grid. Rejects with a Problem, or as `signal` says when it was aborted.
export async function find(photo, { face, keepPhoto, key, signal }) {
  const headers = { Accept: "application/json", "Content-Type": "application/octet-stream" };
  if (key) headers.Authorization = `Bearer ${key}`;
  const url = `v1/find?grid=true&face=${face}&keep_photo=${keepPhoto}`;
  const response = await reached(fetch(url, { method: "POST", body: photo, headers, signal }), signal);
  const document = await response.json().catch(() => ({})); // a proxy's page, perhaps
  signal.throwIfAborted();
  if (response.ok && document.searched) return document;
  const again = response.status === 408 || response.status >= 500;
  if (!document.error) {
    const said = `It said ${response.status} ${response.statusText}`.trim();
    throw new Problem("The service sent no answer.", `${said}.`, { again });
  }
  const { code, message, hint } = document.error;
  throw new Problem(message, hint, { code, again });
}

// Whether the key is the right one, told before a photo is sent for nothing. Rejects with a Problem.
export async function checkKey(key) {
  const headers = { Authorization: `Bearer ${key}` };
  const response = await reached(fetch("metrics", { method: "HEAD", headers }));
  if (response.status === 401) throw keyWanted();
}

async function reached(response, signal) {
  try {
    return await response;
  } catch {
    signal?.throwIfAborted();
    throw new Problem("The service cannot be reached.", "Is it running? Is there a connection?", { again: true });
  }
}
