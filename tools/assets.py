"""Copy the pages' front-end packages from node_modules into the package, so that pages load nothing from outside.

The copies are not in the repository (`moyai/web/static/vendor/` is ignored by git); `make setup` makes them.
Only the standard library is used: this runs before anything else is known to work.
"""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "moyai" / "web" / "static" / "vendor"

# (npm package, what to copy, folder under vendor/)
ASSETS = (
    ("@digital-go-jp/design-tokens", ("dist/tokens.css", "LICENSE"), "tokens"),
    ("@fontsource-variable/noto-sans-jp", ("wght.css", "files", "LICENSE"), "noto-sans-jp"),
    ("leaflet", ("dist/leaflet.css", "dist/leaflet.js", "dist/images", "LICENSE"), "leaflet"),
)


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def main() -> None:
    if VENDOR.exists():
        shutil.rmtree(VENDOR)
    for package, parts, folder in ASSETS:
        for part in parts:
            copy(MODULES / package / part, VENDOR / folder / Path(part).name)


if __name__ == "__main__":
    main()
