// The map of city data that one can move: the same selection as the still picture, read from the public API.
"use strict";

(() => {
  const PAGE = 1000;
  const live = document.getElementById("map-live");
  const still = document.getElementById("map-still");
  const hint = document.getElementById("map-hint");
  const { kinds, disasters, labels } = JSON.parse(live.dataset.map);
  const [west, south, east, north] = live.dataset.bounds.split(" ").map(Number);
  const style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue(name).trim();

  // Squares beside Leaflet's circles, so that kinds differ by shape as well as by colour.
  L.Canvas.include({
    _updateSquare(layer) {
      const { x, y } = layer._point, half = layer._radius;
      this._ctx.beginPath();
      this._ctx.rect(x - half, y - half, 2 * half, 2 * half);
      this._fillStroke(this._ctx, layer);
    },
  });
  const Square = L.CircleMarker.extend({
    _updatePath() {
      if (this._renderer._drawing && !this._empty()) this._renderer._updateSquare(this);
    },
  });
  // Later ones lie on top: where to flee must not be hidden under AEDs.
  const ORDER = ["aed", "tsunami", "evacuation"];
  const MARKS = {
    evacuation: { Shape: L.CircleMarker, radius: 7, color: "#fff", weight: 2, fillColor: colour("--mark-evacuation") },
    tsunami: { Shape: Square, radius: 6, color: "#fff", weight: 2, fillColor: colour("--mark-tsunami") },
    aed: { Shape: L.CircleMarker, radius: 5, color: colour("--mark-aed"), weight: 3, fillColor: "#fff" },
  };
  const sizeAt = zoom => (zoom < 11 ? 0.6 : zoom < 13 ? 0.8 : 1);

  // Every page of a type. The broker's order is that of creation, so that pages meet.
  async function entities(type, attrs) {
    const found = [];
    for (let offset = 0; ; offset += PAGE) {
      const query = new URLSearchParams({ type, attrs, options: "keyValues", limit: PAGE, offset });
      const answer = await fetch(`/v2/entities?${query}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`${answer.status} for ${type}`);
      const page = await answer.json();
      found.push(...page);
      if (page.length < PAGE) return found;
    }
  }

  function line(className, text) {
    const paragraph = document.createElement("p");
    paragraph.className = className;
    paragraph.textContent = text;
    return paragraph;
  }

  function popup(kind, place) {
    const box = document.createElement("div");
    const name = line("map-popup__name", place.name ?? "");
    name.translate = false;
    box.append(name, line("", kind.name));
    for (const text of [place.address, place.installedAt]) {
      if (!text) continue;
      const detail = line("", text);
      detail.translate = false;
      box.append(detail);
    }
    if (place.disasterTypes?.length) box.append(line("", labels.usable + place.disasterTypes.map(name => disasters[name] ?? name).join(labels.comma)));
    return box;
  }

  async function drawOutlines(map) {
    for (const area of await entities("Municipality", "name,location")) {
      const outline = L.geoJSON(area.location, {
        interactive: false,
        style: { color: colour("--map-border"), weight: 1, fillColor: colour("--map-land"), fillOpacity: 1 },
      }).addTo(map);
      const rings = area.location.coordinates.map(polygon => polygon[0]);
      const largest = rings.reduce((a, b) => (b.length > a.length ? b : a));
      const middle = [1, 0].map(i => largest.reduce((sum, point) => sum + point[i], 0) / largest.length);
      const name = document.createElement("span");
      name.textContent = area.name.replace(/^.+郡(?=.+[町村]$)/, "");
      L.tooltip({ permanent: true, direction: "center", className: "map-name", interactive: false }).setLatLng(middle).setContent(name).addTo(map);
      outline.bringToBack();
    }
  }

  async function drawPlaces(map, marks, kind, renderer) {
    for (const place of await entities(kind.type, "name,address,location,disasterTypes,installedAt")) {
      if (place.location?.type !== "Point") continue;
      if (kind.disaster && !place.disasterTypes?.includes(kind.disaster)) continue;
      const [longitude, latitude] = place.location.coordinates;
      const { Shape, ...look } = MARKS[kind.id];
      const mark = new Shape([latitude, longitude], { renderer, fillOpacity: 1, ...look, radius: look.radius * sizeAt(map.getZoom()) });
      mark.fullRadius = look.radius;
      marks.addLayer(mark.bindPopup(() => popup(kind, place), { maxWidth: Math.min(300, live.clientWidth - 112), autoPanPadding: [16, 16] }));
    }
  }

  async function start() {
    live.hidden = false;
    still.hidden = true;
    hint.hidden = false;
    const map = L.map(live, { attributionControl: false, zoomControl: false, minZoom: 7, maxZoom: 17, zoomSnap: 0.25, zoomDelta: 1, scrollWheelZoom: false });
    L.control.zoom({ position: "bottomright", zoomInTitle: labels.zoomIn, zoomOutTitle: labels.zoomOut }).addTo(map);
    map.fitBounds([[south, west], [north, east]], { padding: [12, 12] });
    map.on("popupopen", ({ popup: opened }) => {
      opened.getElement().querySelector(".leaflet-popup-close-button")?.setAttribute("aria-label", labels.close);
    });
    const places = L.canvas({ pane: map.createPane("places"), tolerance: 10 });
    map.getPane("places").style.zIndex = 450;
    await drawOutlines(map);
    const marks = L.layerGroup().addTo(map);
    map.on("zoomend", () => marks.eachLayer(mark => mark.setRadius(mark.fullRadius * sizeAt(map.getZoom()))));
    const inOrder = [...kinds].sort((a, b) => ORDER.indexOf(a.id) - ORDER.indexOf(b.id));
    for (const kind of inOrder) await drawPlaces(map, marks, kind, places);
    live.dataset.ready = "";
  }

  // Whatever goes wrong, the still picture and the table are there.
  start().catch(() => {
    live.hidden = hint.hidden = true;
    still.hidden = false;
  });
})();
