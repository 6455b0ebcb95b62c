// The check marks of the portal: this browser recomputes what the platform claims.
//
// For each entry: commitment = SHA-256("moyai-commitment-v1\n" + salt + text) must stand in the leaf; the leaf's
// hash, folded with the inclusion proof (RFC 9162, section 2.1.3.2), must give the root of the signed checkpoint;
// and the checkpoint must carry the log's signature (Ed25519, C2SP signed note). A browser that cannot check
// signatures says so. The keys are those that the platform publishes: somebody who does not trust it for them has
// `moyai verify`, with keys of their own.

const encoder = new TextEncoder();
const AT_ONCE = 4;
const AGAIN_MS = 3000;
const TIMES = 3;

const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);
const sha256 = async (...parts) =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer()));

const commitment = (salt, body) => sha256(encoder.encode("moyai-commitment-v1\n"), salt, encoder.encode(body));
const leafHash = (leaf) => sha256(Uint8Array.of(0), leaf);
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

async function foldedRoot(hash, index, size, proof) {
  let position = index;
  let last = size - 1;
  for (const sibling of proof) {
    if (last === 0) return null;
    if (position % 2 === 1 || position === last) {
      hash = await nodeHash(sibling, hash);
      while (position % 2 === 0 && position !== 0) {
        position = Math.floor(position / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = await nodeHash(hash, sibling);
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? hash : null;
}

function parsedCheckpoint(note) {
  const end = note.lastIndexOf("\n\n") + 1;
  const [origin, size, root] = note.slice(0, end).split("\n");
  return { text: note.slice(0, end), origin, size: Number(size), root: fromBase64(root), signatures: note.slice(end + 1) };
}

async function ed25519Key(raw) {
  try {
    return await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
  } catch {
    return null; // an older browser
  }
}

// Keys of a kind (1: the log's, 4: a witness's): name, the four bytes that name the key, the key; null if this browser has none.
async function keyOf(verifierKey, kind) {
  const [name, id, ...material] = verifierKey.split("+"); // base64 may hold a plus, too
  const bytes = fromBase64(material.join("+"));
  return bytes[0] === kind ? { name, id: fromHex(id), kind, key: await ed25519Key(bytes.slice(1)) } : null;
}

const ofTime = (bytes) => bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);

async function holds({ name, id, kind, key }, checkpoint) {
  for (const line of checkpoint.signatures.split("\n")) {
    const prefix = `— ${name} `;
    if (!line.startsWith(prefix)) continue;
    const data = fromBase64(line.slice(prefix.length));
    if (!same(data.slice(0, 4), id)) continue;
    const time = kind === 4 ? `cosignature/v1\ntime ${ofTime(data.slice(4, 12))}\n` : "";
    const signature = data.slice(kind === 4 ? 12 : 4);
    if (await crypto.subtle.verify("Ed25519", key, signature, encoder.encode(time + checkpoint.text))) return true;
  }
  return false;
}

// "bad", "unsigned" (this browser cannot tell), "signed" by the log, or "witnessed": by more than half of the witnesses, too.
async function signatures(checkpoint, { verifier_keys, witnesses }) {
  const ofLog = (await Promise.all(verifier_keys.map((one) => keyOf(one, 1)))).filter((one) => one?.name === checkpoint.origin);
  if (ofLog.some((one) => one.key === null)) return "unsigned";
  const good = await Promise.all(ofLog.map((one) => holds(one, checkpoint)));
  if (!good.includes(true)) return "bad";
  const towns = await Promise.all(witnesses.map((one) => keyOf(one.verifier_key, 4)));
  const cosigned = await Promise.all(towns.map((one) => one !== null && holds(one, checkpoint)));
  return cosigned.filter(Boolean).length * 2 > witnesses.length ? "witnessed" : "signed";
}

let keys = null;
const logKeys = () => (keys ??= fetch("/log/v1/keys").then((answer) => answer.json()));

async function proofOf(entry) {
  const answer = await fetch(`/log/v1/proof/inclusion?entry=${encodeURIComponent(entry)}`);
  return answer.ok ? answer.json() : null;
}

async function judged(mark, proof) {
  const leaf = fromHex(mark.dataset.leaf);
  if (!same(leaf, fromBase64(proof.leaf))) return "bad";
  if (!same(leaf.slice(26), await commitment(fromHex(mark.dataset.salt), mark.dataset.body))) return "bad";
  const checkpoint = parsedCheckpoint(proof.checkpoint);
  if (checkpoint.size !== proof.size) return "bad";
  const root = await foldedRoot(await leafHash(leaf), proof.index, proof.size, proof.proof.map(fromBase64));
  if (root === null || !same(root, checkpoint.root)) return "bad";
  return signatures(checkpoint, await logKeys());
}

// On the page of one entry: which signatures this device checked.
function tell(state) {
  const place = document.querySelector("[data-signatures]");
  if (place === null || !(state in place.dataset)) return;
  place.textContent = place.dataset[state];
  place.hidden = false;
}

function show(mark, state) {
  mark.dataset.state = state;
  mark.querySelector(".proof__text").textContent = mark.dataset[state];
}

async function check(mark) {
  show(mark, "checking");
  try {
    const proof = await proofOf(mark.dataset.entry);
    const state = proof === null ? "waiting" : await judged(mark, proof);
    show(mark, state === "signed" || state === "witnessed" ? "good" : state);
    tell(state);
  } catch {
    show(mark, "waiting"); // the log did not answer: say nothing about the record
  }
}

const marks = () => [...document.querySelectorAll("[data-proof]")];

// An entry gets its place in the log about a second after it happened; this very page then says which.
async function placesNow() {
  const text = await (await fetch(location.href)).text();
  const page = new DOMParser().parseFromString(text, "text/html");
  return new Map([...page.querySelectorAll("[data-proof]")].map((mark) => [mark.dataset.entry, mark.dataset.index]));
}

// A few at a time: quick for the reader, and no crowd at the platform's door.
async function checkEach(list) {
  const left = [...list];
  const next = async () => {
    for (let mark = left.shift(); mark; mark = left.shift()) await check(mark);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

async function checkAll() {
  for (const mark of marks().filter((mark) => mark.dataset.index === "")) show(mark, "waiting");
  await checkEach(marks().filter((mark) => mark.dataset.index !== ""));
  for (let time = 0; time < TIMES; time++) {
    const waiting = marks().filter((mark) => mark.dataset.index === "");
    if (waiting.length === 0) return;
    await new Promise((resume) => setTimeout(resume, AGAIN_MS));
    const places = await placesNow();
    for (const mark of waiting) mark.dataset.index = places.get(mark.dataset.entry) ?? "";
    await checkEach(waiting.filter((mark) => mark.dataset.index !== ""));
  }
}

if (globalThis.crypto?.subtle) checkAll().catch(() => {});
