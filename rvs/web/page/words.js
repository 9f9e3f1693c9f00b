// The words of an answer, as the chat bot says them.

// Digits are cut, not rounded, and there are more of them where they matter (rvs/render/phrases.py). No line ends
// before the sign.
export function percentileText(percentile) {
  if (percentile > 99.999) return "> 99.999\u00a0%";
  if (percentile < 1) return "< 1\u00a0%";
  const digits = percentile < 90 ? 0 : percentile < 99 ? 1 : percentile < 99.99 ? 2 : 3;
  const [whole, part = ""] = String(percentile).split(".");
  return `${digits ? `${whole}.${part.padEnd(digits, "0").slice(0, digits)}` : whole}\u00a0%`;
}

// Names come from folders: they may hold line breaks, direction overrides and the like.
export function readableName(person) {
  const name = person.normalize("NFC").replace(/\s+/gu, " ").replace(/\p{C}/gu, "").trim();
  return name || "A person without a name";
}

// What an answer says of its face: a headline, a sentence, and why the photo is poor ("" when it is not).
export function describe({ quality, matches }) {
  const best = matches[0];
  const poor = problems(quality);
  if (!best) return { headline: "No resemblance", sentence: "Nobody in this gallery resembles this face.", poor };
  const name = readableName(best.person);
  const { word, percentile } = best.score;
  if (quality && !quality.usable) {
    return { headline: "The photo is too poor to say", sentence: `The nearest is ${name}.`, poor };
  }
  if (word === "faint") {
    const sentence = `Nobody in this gallery looks much like this face. The nearest is ${name}.`;
    return { headline: "No good match", sentence, poor };
  }
  const share = percentileText(percentile).replace("> ", "over ").replace("< ", "under ");
  const article = word === "uncanny" ? "An" : "A";
  const sentence = `${article} ${word} resemblance: closer than ${share} of pairs of strangers.`;
  return { headline: `Resembles ${name}`, sentence, poor };
}

export function facesText(faces, chosen) {
  if (faces > 1) return `Face ${chosen} of ${faces}. You can choose another.`;
  return faces ? "One face in the photo." : "The photo as a whole.";
}

function problems(quality) {
  if (!quality?.problems.length) return "";
  const so = quality.usable ? "Take the answer with care." : "The answer means little.";
  return `The photo is poor: ${quality.problems.join("; ")}. ${so}`;
}
