"""Datasets of 自治体標準オープンデータセット that can be imported: their columns, and the entities they become.

Source: デジタル庁「自治体標準オープンデータセット」 (formal edition), and the 推奨データセット before it, whose column
names are accepted as aliases.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Value = Literal["text", "number", "integer", "flag", "yes_no", "time", "code", "list"]
"""Kinds of value: what a cell may hold. `flag`: 1 or empty. `yes_no`: 有 or 無. `list`: separated by ; or 、"""

VALUE_NAMES: Final[dict[str, tuple[str, str]]] = {
    "text": ("外字や制御文字を含まない文字", "text without private-use or control characters"),
    "number": ("数値", "a number"),
    "integer": ("0以上の整数", "a whole number, 0 or more"),
    "flag": ("1 または空欄", "1 or empty"),
    "yes_no": ("有 または 無", "有 or 無"),
    "time": ("時刻 (HH:MM)", "a time (HH:MM)"),
    "code": ("6桁の全国地方公共団体コード", "a 6-digit municipality code with its check digit"),
    "list": ("; 区切りの文字", "text separated by ;"),
    "latitude": ("日本の緯度 (20〜46)", "a latitude in Japan (20 to 46)"),
    "longitude": ("日本の経度 (122〜154)", "a longitude in Japan (122 to 154)"),
    "id": ("半角英数字の ID", "an id of ASCII letters and digits"),
}


class Column(msgspec.Struct, frozen=True):
    """One column: its names (the standard's first), the attribute it becomes, what its cells may hold."""

    names: tuple[str, ...]
    attribute: str
    value: Value = "text"
    required: bool = False


class Dataset(msgspec.Struct, frozen=True):
    """One kind of dataset. `disasters` are columns that together become the list `disasterTypes`."""

    kind: str
    entity_type: str
    ja: str
    en: str
    columns: tuple[Column, ...]
    disasters: tuple[tuple[str, str], ...] = ()


CODE_COLUMN: Final = ("全国地方公共団体コード", "都道府県コード又は市区町村コード", "市区町村コード")
ID_COLUMN: Final = ("ID", "NO", "No")
LATITUDE_COLUMN: Final = ("緯度",)
LONGITUDE_COLUMN: Final = ("経度",)

DISASTERS: Final = (
    ("災害種別_洪水", "flood"),
    ("災害種別_崖崩れ、土石流及び地滑り", "landslide"),
    ("災害種別_高潮", "stormSurge"),
    ("災害種別_地震", "earthquake"),
    ("災害種別_津波", "tsunami"),
    ("災害種別_大規模な火事", "largeFire"),
    ("災害種別_内水氾濫", "inlandFlood"),
    ("災害種別_火山現象", "volcano"),
)

DISASTER_NAMES: Final[dict[str, tuple[str, str]]] = {
    "flood": ("洪水", "Flood"),
    "landslide": ("土砂災害", "Landslide"),
    "stormSurge": ("高潮", "Storm surge"),
    "earthquake": ("地震", "Earthquake"),
    "tsunami": ("津波", "Tsunami"),
    "largeFire": ("大規模な火事", "Large fire"),
    "inlandFlood": ("内水氾濫", "Inland flood"),
    "volcano": ("火山現象", "Volcanic activity"),
}


def _facility(name: str = "名称", *older: str) -> tuple[Column, ...]:
    """The columns that every list of facilities has."""
    return (
        Column((name, *older), "name", required=True),
        Column((f"{name}_カナ",), "nameKana"),
        Column((f"{name}_英字",), "nameEn"),
        Column(("所在地_全国地方公共団体コード",), "addressCode", "code"),
        Column(("所在地_連結表記", "住所", "所在地"), "address"),
        Column(("所在地_市区町村", "市区町村名"), "addressLocality"),
        Column(("建物名等(方書)", "建物名等（方書）", "方書"), "building"),
        Column(("電話番号",), "telephone"),
        Column(("郵便番号",), "postalCode"),
        Column(("地方公共団体名",), "municipalityName"),
        Column(("URL",), "url"),
        Column(("備考",), "note"),
    )


def _hours(days: str, start: str, end: str, note: str) -> tuple[Column, ...]:
    return (
        Column((days,), "availableDays"),
        Column((start,), "opensAt", "time"),
        Column((end,), "closesAt", "time"),
        Column((note,), "availableNote"),
    )


_HOURS = _hours("利用可能曜日", "開始時間", "終了時間", "利用可能日時特記事項")
_CORPORATION = (Column(("法人番号",), "corporateNumber"), Column(("法人の名称", "団体名"), "corporateName"))
_EVACUATION = (
    *_facility(),
    Column(("標高", "高度の値"), "elevation", "number"),
    Column(("指定避難所との重複",), "alsoShelter", "flag"),
    Column(("想定収容人数",), "capacity", "integer"),
    Column(("対象となる町会・自治会",), "community"),
)


def _toilets(ja: str, attribute: str, *kinds: tuple[str, str]) -> tuple[Column, ...]:
    counted = tuple(
        Column((f"{ja}数（{kind}）", f"{ja}数({kind})", f"{ja}数_{kind}"), f"{attribute}{suffix}", "integer")
        for kind, suffix in kinds
    )
    return (Column((f"{ja}総数", f"{ja}数_総数"), f"{attribute}Total", "integer"), *counted)


_JAPANESE, _WESTERN = ("和式", "Squat"), ("洋式", "Seated")

DATASETS: Final[dict[str, Dataset]] = {
    dataset.kind: dataset
    for dataset in (
        Dataset(
            "evacuation-site",
            "EvacuationSite",
            "指定緊急避難場所一覧",
            "Designated emergency evacuation sites",
            _EVACUATION,
            DISASTERS,
        ),
        Dataset(
            "tsunami-evacuation-building",
            "TsunamiEvacuationBuilding",
            "津波避難ビル一覧",
            "Tsunami evacuation buildings",
            _EVACUATION,
            DISASTERS,
        ),
        Dataset(
            "aed",
            "AED",
            "AED設置箇所一覧",
            "AED locations",
            (
                *_facility(),
                *_HOURS,
                *_CORPORATION,
                Column(("設置位置",), "installedAt"),
                Column(("小児対応設備の有無",), "forChildren", "yes_no"),
            ),
        ),
        Dataset(
            "hospital",
            "Hospital",
            "医療機関一覧",
            "Medical institutions",
            (
                *_facility(),
                *_hours("診療曜日", "診療開始時間", "診療終了時間", "診療日時特記事項"),
                *_CORPORATION,
                Column(("医療機関の種類",), "institutionKind"),
                Column(("医療機関コード",), "institutionCode"),
                Column(("FAX番号",), "fax"),
                Column(("時間外における対応",), "afterHours"),
                Column(("診療科目",), "departments", "list"),
                Column(("病床数",), "beds", "integer"),
            ),
        ),
        Dataset(
            "care-service",
            "WelfareFacility",
            "介護サービス事業所一覧",
            "Care service providers",
            (
                *_facility("介護サービス事業所名称", "名称"),
                *_HOURS,
                *_CORPORATION,
                Column(("実施サービス",), "services", "list"),
                Column(("事業所番号",), "officeNumber"),
                Column(("FAX番号",), "fax"),
                Column(("定員",), "capacity", "integer"),
            ),
        ),
        Dataset(
            "public-toilet",
            "PublicToilet",
            "公衆トイレ一覧",
            "Public toilets",
            (
                *_facility(),
                Column(("設置位置",), "installedAt"),
                *_toilets("男性トイレ", "men", ("小便器", "Urinals"), _JAPANESE, _WESTERN),
                *_toilets("女性トイレ", "women", _JAPANESE, _WESTERN),
                *_toilets("男女共用トイレ", "shared", _JAPANESE, _WESTERN),
                Column(("バリアフリートイレ数", "多機能トイレ数"), "accessible", "integer"),
                Column(("車椅子使用者用トイレ有無",), "wheelchair", "yes_no"),
                Column(("乳幼児用設備設置トイレ有無",), "infantFacilities", "yes_no"),
                Column(("オストメイト設置トイレ有無",), "ostomate", "yes_no"),
                Column(("利用開始時間",), "opensAt", "time"),
                Column(("利用終了時間",), "closesAt", "time"),
                Column(("利用可能時間特記事項",), "availableNote"),
            ),
        ),
    )
}
