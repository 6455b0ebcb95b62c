"""The JavaScript that the page assertions run in the page."""

from __future__ import annotations

# Visible text, with the element it stands in; labels and alternatives that are read out count as text.
_VISIBLE_TEXT = """
  const shown = element => element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true});
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (text && !element.closest('script, style, noscript, template') && shown(element)) texts.push([element, text]);
  }
  for (const element of document.querySelectorAll('[alt], [title], [aria-label], [placeholder]'))
    for (const name of ['alt', 'title', 'aria-label', 'placeholder'])
      if (element.getAttribute(name) && shown(element)) texts.push([element, element.getAttribute(name)]);
  for (const element of document.querySelectorAll('input[type=submit], input[type=button], input[type=reset]'))
    if (shown(element)) texts.push([element, element.value]);
  texts.push([document.documentElement, document.title]);
"""

SMALL_TARGETS = """
minimum => {
  const small = [];
  const union = rects => ({
    width: Math.max(...rects.map(r => r.right)) - Math.min(...rects.map(r => r.left)),
    height: Math.max(...rects.map(r => r.bottom)) - Math.min(...rects.map(r => r.top)),
  });
  const inRunningText = element => {
    if (element.tagName !== 'A' || !getComputedStyle(element).display.startsWith('inline')) return false;
    let block = element.parentElement;
    while (block && getComputedStyle(block).display.startsWith('inline')) block = block.parentElement;
    return block !== null && block.textContent.trim().length > element.textContent.trim().length;
  };
  const selector = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [tabindex="0"]';
  for (const element of document.querySelectorAll(selector)) {
    if (!element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) || element.disabled) continue;
    // A region that only takes the focus so that it can be scrolled by key is not tapped.
    if (element.matches('[tabindex]:not(a, button, input, select, textarea, summary, [role=button])')) continue;
    const own = element.getBoundingClientRect();
    // Hidden from eyes until it has the focus (a skip link).
    if (own.width <= 1 || own.height <= 1 || own.bottom < 0 || own.right < 0) continue;
    if (inRunningText(element)) continue;
    const labels = [...(element.labels ?? [])].map(label => label.getBoundingClientRect());
    const size = union([own, ...labels]);
    if (Math.round(size.width) < minimum || Math.round(size.height) < minimum)
      small.push({element: element.outerHTML.slice(0, 120), width: Math.round(size.width), height: Math.round(size.height)});
  }
  return small;
}
"""

SQUEEZED = """
() => {
  const squeezed = [];
  for (const element of document.querySelectorAll('p, dd, dt, td, th, li, h1, h2, h3, figcaption')) {
    const text = element.textContent.trim();
    if (text.length <= 6 || !element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})) continue;
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    const letter = parseFloat(style.fontSize);
    const room = box.width - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    // Hidden from eyes: only read out.
    if (box.width <= 1 || box.height <= 1) continue;
    if (room < 4 * letter && box.height > 4 * letter)
      squeezed.push({text: text.slice(0, 40), width: Math.round(room), height: Math.round(box.height)});
  }
  return squeezed;
}
"""

# Text that is there for programs and not for eyes: laid out in no box, in a box of no height, or outside of the box
# that cuts it off. What is hidden on purpose (closed, or only read out: `clip-path: inset(50%)`) is not meant.
LOST_TEXT = """
() => {
  const lost = [];
  // not checkVisibility: it calls invisible what was never given a box, and that is just what is looked for
  const hiddenOnPurpose = element => {
    if (element.closest('script, style, noscript, template, option, title, desc, .leaflet-container')) return true;
    if (getComputedStyle(element).visibility !== 'visible') return true;
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.display === 'none' || style.opacity === '0' || style.clipPath === 'inset(50%)') return true;
      if (e.parentElement?.matches('details:not([open])') && e.tagName !== 'SUMMARY') return true;
    }
    return false;
  };
  const cutOff = (element, box) => {
    for (let e = element; e && e !== document.body; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.overflowX === 'visible' && style.overflowY === 'visible') continue;
      const frame = e.getBoundingClientRect();
      if (frame.width < 2 || frame.height < 2) return true;
      const apart = box.bottom <= frame.top || box.top >= frame.bottom || box.right <= frame.left || box.left >= frame.right;
      if (apart && !/auto|scroll/.test(style.overflowX + style.overflowY)) return true;
    }
    return false;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement, text = node.textContent.trim();
    if (!text || hiddenOnPurpose(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (box.width < 1 || box.height < 1 || cutOff(element, box))
      lost.push({text: text.slice(0, 40), element: element.tagName, width: Math.round(box.width), height: Math.round(box.height)});
  }
  for (const element of document.querySelectorAll('dl, dt, dd')) {
    if (!element.textContent.trim() || hiddenOnPurpose(element)) continue;
    const box = element.getBoundingClientRect();
    if (box.height < 8) lost.push({text: element.textContent.trim().slice(0, 40), element: element.tagName, height: Math.round(box.height)});
  }
  return lost;
}
"""

# A character without a glyph is drawn as the font's `.notdef`, like a code point that will never be assigned.
MISSING_GLYPHS = (
    """
async () => {
  await document.fonts.ready;
"""
    + _VISIBLE_TEXT
    + """
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 40;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const drawn = (font, character) => {
    context.clearRect(0, 0, 40, 40);
    context.font = font;
    context.fillText(character, 4, 30);
    return context.getImageData(0, 0, 40, 40).data.join();
  };
  const boxes = new Map(), seen = new Set(), missing = [];
  for (const [element, text] of texts) {
    const style = getComputedStyle(element);
    const font = `${style.fontWeight} 24px ${style.fontFamily}`;
    if (!boxes.has(font)) boxes.set(font, [drawn(font, '\\u{10FFFF}'), drawn(font, '\\u{E0FFF}'), drawn(font, '\\u0378')]);
    for (const character of text) {
      const key = font + character;
      if (seen.has(key) || /[\\s\\p{C}\\p{Z}\\p{M}\\u{FE00}-\\u{FE0F}]/u.test(character)) continue;
      seen.add(key);
      await document.fonts.load(font, character);
      const picture = drawn(font, character);
      if (boxes.get(font).includes(picture)) missing.push({character, element: element.outerHTML.slice(0, 80)});
    }
  }
  return missing;
}
"""
)

LEFTOVER_WORDS = (
    """
allowed => {
"""
    + _VISIBLE_TEXT
    + """
  const known = new Set(allowed), leftover = [];
  const foreign = element => element.closest('[translate=no], [lang]:not([lang=ja]), code, kbd, samp, pre') !== null;
  for (const [element, text] of texts) {
    if (foreign(element)) continue;
    const prose = text.replace(/(https?:\\/\\/|www\\.)[^\\s、。）)]+/g, ' ').replace(/[\\w.+-]+@[\\w.-]+/g, ' ').replace(/(^|\\s)\\/[\\w{}\\/.:-]+/g, ' ');
    for (const token of prose.match(/[A-Za-z0-9_.:\\/-]*[A-Za-z][A-Za-z0-9_.:\\/-]*/g) ?? []) {
      const word = token.replace(/^[.:\\/-]+|[.:\\/-]+$/g, '');
      // Codes carry a digit or a mark inside (resident IDs, R-001, c1-desk); single letters are units and grades.
      if (word.length < 2 || /[0-9_:\\/.-]/.test(word) || known.has(word)) continue;
      leftover.push({word, text: text.slice(0, 80)});
    }
  }
  return leftover;
}
"""
)

ENTER_DECIDES = """() => [...document.forms].filter((form) => {
  const typed = [...form.elements].filter((one) => one.matches("select, textarea, input:not([type=hidden], [type=submit])"));
  const submits = [...form.elements].filter((one) => one.matches("button:not([type=button]), input[type=submit]"));
  const codes = form.querySelector("[name=second_factor]");
  if (codes) return submits.length !== 1 || submits[0].name;
  return typed.length && submits.length > 1 && submits[0].value !== "look";
}).map((form) => form.getAttribute("action") + ": " + [...form.elements].map((one) => one.name || one.textContent.trim()))"""
"""Forms in which Enter, pressed in a field, presses one button of several: browsers press the first. That one must only
look (`value="look"`); the field of a code has no button beside it but the one that checks it."""
