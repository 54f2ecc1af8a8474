// The expression units as people look for them, and a few expressions to begin with.

const GROUPS = [
  ["Brows", /^brow/], ["Eyes", /^eye/], ["Jaw", /^jaw/], ["Mouth", /^(mouth|tongue)/], ["Cheeks", /^cheek/],
  ["Nose", /^nose/],
];

/** Names in groups: the ARKit units by where they are, then what else the model has. */
export function grouped(names, units) {
  const arkit = names.slice(0, units), others = names.slice(units);
  const groups = GROUPS.map(([title, pattern]) => ({ title, names: arkit.filter((name) => pattern.test(name)) }));
  return [...groups, { title: "Model's own", names: others }].filter((group) => group.names.length);
}

/** The same unit of the other side, if there is one. */
export function mirrored(name) {
  if (/Left$/.test(name)) return name.replace(/Left$/, "Right");
  return /Right$/.test(name) ? name.replace(/Right$/, "Left") : null;
}

/** "browInnerUp" as a person or a screen reader says it. */
export function spoken(name) {
  return name.replace(/([A-Z])/g, " $1").toLowerCase();
}

const both = (name, value) => ({ [`${name}Left`]: value, [`${name}Right`]: value });

export const EXAMPLES = {
  Smile: {
    ...both("mouthSmile", 0.85), ...both("cheekSquint", 0.7), ...both("eyeSquint", 0.5), ...both("mouthDimple", 0.25),
    ...both("mouthUpperUp", 0.25), jawOpen: 0.06,
  },
  Surprise: {
    browInnerUp: 1, ...both("browOuterUp", 0.95), ...both("eyeWide", 0.85), jawOpen: 0.5, mouthFunnel: 0.2,
  },
  Anger: {
    ...both("browDown", 1), ...both("eyeSquint", 0.6), ...both("noseSneer", 0.55), ...both("mouthPress", 0.5),
    ...both("mouthFrown", 0.35), ...both("mouthStretch", 0.2),
  },
  Disgust: {
    ...both("noseSneer", 1), ...both("mouthUpperUp", 0.6), ...both("browDown", 0.55), ...both("eyeSquint", 0.7),
    ...both("mouthFrown", 0.4), ...both("cheekSquint", 0.5),
  },
  Sorrow: {
    browInnerUp: 0.95, ...both("mouthFrown", 0.85), mouthShrugLower: 0.6, ...both("eyeLookDown", 0.3),
    ...both("browDown", 0.2), ...both("eyeSquint", 0.25),
  },
  Kiss: { mouthPucker: 0.95, mouthFunnel: 0.15, ...both("eyeSquint", 0.25) },
  Wink: { eyeBlinkLeft: 1, cheekSquintLeft: 0.8, mouthSmileLeft: 0.7, mouthSmileRight: 0.25, eyeSquintLeft: 0.6 },
};

/** The order in which the face is shown at play; null is the photo's own expression. */
export const PLAYED = ["Smile", null, "Surprise", "Anger", null, "Sorrow", "Disgust", "Kiss", "Wink", null];
