"""The directory of help lines: what is shown where, and what a file may not say."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

import cbtguard.safety.referral.directory as module
from cbtguard.safety.errors import DataError, InputError
from cbtguard.safety.referral import Directory, FileDirectory, Referrals, Service
from cbtguard.safety.risk.model import Kind, Level

SHIPPED = Path(module.__file__).parent / "data" / "directory.yaml"
DIRECTORY = FileDirectory()

EXTRA = {
    "version": "1",
    "regions": {
        "JP": {"names": {"zh-Hans": "日本", "zh-Hant": "日本", "en": "Japan"}, "aliases": ["Nippon"]},
    },
    "lines": [
        {
            "id": "jp-one",
            "region": "JP",
            "name": {"zh-Hans": "热线", "zh-Hant": "專線", "en": "line"},
            "contact": "0000",
            "channels": ["call"],
            "hours": "Mo-Su 08:00-02:00",
            "hours_text": {"zh-Hans": "到深夜", "zh-Hant": "到深夜", "en": "until late"},
            "timezone": "Asia/Tokyo",
            "languages": ["ja"],
            "audience": ["everyone"],
            "serves": ["psychological", "police", "ambulance"],
            "source": "the operator",
            "verified_on": "2026-11",
            "caution": None,
        }
    ],
}


def write(tmp_path: Path, data: object) -> Path:
    path = tmp_path / "extra.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("cn", "CN"),
        ("CN", "CN"),
        (" Cn ", "CN"),
        ("中国", "CN"),
        ("中國", "CN"),
        ("China", "CN"),
        ("中国大陆", "CN"),
        ("HK", "HK"),
        ("香港", "HK"),
        ("hong kong", "HK"),
        ("Hong-Kong", "HK"),
        ("臺灣", "TW"),
        ("台湾", "TW"),
        ("TAIWAN", "TW"),
        ("新加坡", "SG"),
        ("u.s.", "US"),
        ("USA", "US"),
        ("美國", "US"),
        ("UK", "GB"),
        ("united kingdom", "GB"),
        ("ＵＳ", "US"),
        ("elsewhere", "ZZ"),
        ("zz", "ZZ"),
    ],
)
def test_regions_are_known_by_code_and_name(word, code):
    assert DIRECTORY.normalise_region(word) == code


@pytest.mark.parametrize("word", ["", "  ", "XX", "中", "Chin", "CN/../HK"])
def test_unknown_regions_say_which_are_known(word):
    with pytest.raises(InputError) as caught:
        DIRECTORY.normalise_region(word)
    assert caught.value.code == "input.region_unknown"
    assert all(code in caught.value.hint for code in DIRECTORY.regions())
    assert not word.strip() or word not in caught.value.message


def test_it_is_a_directory():
    assert isinstance(DIRECTORY, Directory)
    assert DIRECTORY.name == "file"
    assert len(DIRECTORY.version) == 12
    assert DIRECTORY.regions() == ("CN", "HK", "TW", "SG", "US", "GB", "ZZ")


@pytest.mark.parametrize("region", DIRECTORY.regions())
@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("kinds", [(), *((kind,) for kind in Kind), tuple(Kind)])
def test_every_situation_has_lines_of_its_region(region, level, kinds):
    lines = DIRECTORY.lines(region, kinds=kinds, level=level)
    assert lines
    assert all(line.region == region for line in lines)
    assert len({line.id for line in lines}) == len(lines) <= 8
    served = {service for line in lines for service in line.serves}
    assert {Service.POLICE, Service.AMBULANCE} <= served
    assert served & {Service.PSYCHOLOGICAL, Service.WEB_DIRECTORY}


@pytest.mark.parametrize(
    ("region", "kinds", "level", "first"),
    [
        ("CN", ["suicide"], "crisis", "12356"),
        ("CN", ["suicide"], "emergency", "120"),
        ("CN", ["harm_to_others"], "emergency", "110"),
        ("CN", ["harm_to_others"], "crisis", "12356"),
        ("CN", ["abuse"], "crisis", "110"),
        ("CN", ["abuse"], "emergency", "110"),
        ("CN", ["medical_emergency"], "crisis", "120"),
        ("CN", ["abuse", "medical_emergency"], "crisis", "120"),
        ("HK", ["suicide"], "crisis", "18111"),
        ("HK", ["abuse"], "emergency", "999"),
        ("TW", ["suicide"], "watch", "1925"),
        ("TW", ["abuse"], "watch", "113"),
        ("SG", ["psychosis"], "emergency", "995"),
        ("SG", ["self_harm"], "crisis", "1767"),
        ("US", ["suicide"], "crisis", "988"),
        ("US", ["suicide"], "emergency", "911"),
        ("GB", [], "none", "116 123"),
        ("ZZ", ["suicide"], "crisis", "findahelpline.com"),
    ],
)
def test_the_most_useful_line_comes_first(region, kinds, level, first):
    assert DIRECTORY.lines(region, kinds=kinds, level=level)[0].contact == first


def test_an_abused_person_sees_police_then_protection_then_talk():
    served = [set(line.serves) for line in DIRECTORY.lines("CN", kinds=["abuse"], level="crisis")]
    order = [
        next(place for place, services in enumerate(served) if service in services)
        for service in (Service.POLICE, Service.DOMESTIC_VIOLENCE, Service.CHILD_PROTECTION)
    ]
    assert order == sorted(order)
    talk = [
        i for i, s in enumerate(served) if Service.PSYCHOLOGICAL in s and Service.CHILD_PROTECTION not in s
    ]
    assert talk
    assert min(talk) > max(order)


def test_withheld_lines_are_shown_nowhere():
    shown = {
        line.contact
        for region in DIRECTORY.regions()
        for level in Level
        for kind in Kind
        for line in DIRECTORY.lines(region, kinds=[kind], level=level)
    }
    assert not shown & {"1995", "1980"}
    assert {"1995", "1980"} <= {
        str(item["contact"]) for item in yaml.safe_load(SHIPPED.read_text("utf-8"))["lines"]
    }


def test_lines_never_checked_carry_a_caution_and_come_after_the_checked():
    unchecked = [line for line in DIRECTORY.all_lines() if line.verified_on is None]
    assert unchecked
    assert all(line.caution for line in unchecked)
    for region in DIRECTORY.regions():
        for service in Service:
            flags = [
                line.verified_on is None
                for line in DIRECTORY.lines(region, kinds=["abuse"], level="crisis")
                if line.serves == (service,)
            ]
            assert flags == sorted(flags)


def test_dates_are_months_that_have_passed():
    for line in DIRECTORY.all_lines():
        assert line.verified_on is None or date(2015, 1, 1) < line.verified_on <= date(2026, 11, 1)
        assert line.source
        assert line.as_dict()["id"] == line.id


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"region": "XX"}, "input.region_unknown"),
        ({"region": "CN", "level": "red"}, "input.level_unknown"),
        ({"region": "CN", "kinds": ["x"]}, "input.kind_unknown"),
    ],
)
def test_unknown_words_are_typed_errors(call, code):
    with pytest.raises(InputError) as caught:
        DIRECTORY.lines(**call)
    assert caught.value.code == code


def test_an_operator_adds_a_region(tmp_path):
    directory = FileDirectory(extra=[write(tmp_path, EXTRA)])
    assert directory.normalise_region("nippon") == "JP"
    assert [line.id for line in directory.lines("JP", kinds=["suicide"], level="crisis")] == ["jp-one"]
    assert directory.version != DIRECTORY.version
    text = Referrals(directory).crisis(
        level="emergency", kinds=["suicide"], subject="self", region="JP", language="en"
    )
    assert "0000" in text.text
    assert text.region == "JP"


def test_an_operator_replaces_a_line(tmp_path):
    line = {
        **EXTRA["lines"][0],
        "id": "cn-12338",
        "region": "CN",
        "serves": ["domestic_violence"],
        "replaces": True,
    }
    directory = FileDirectory(extra=[write(tmp_path, {"version": "1", "lines": [line]})])
    found = [one for one in directory.all_lines() if one.id == "cn-12338"]
    assert [one.contact for one in found] == ["0000"]


def changed(**change: object) -> dict[str, object]:
    line = {**EXTRA["lines"][0], **change}
    return {**EXTRA, "lines": [{key: value for key, value in line.items() if value != "DROP"}]}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"lines": []},
        {**EXTRA, "lines": {}},
        {**EXTRA, "colour": 1},
        {**EXTRA, "lines": ["x"]},
        {**EXTRA, "lines": EXTRA["lines"] * 2},
        {**EXTRA, "regions": []},
        {**EXTRA, "regions": {"Japan": EXTRA["regions"]["JP"]}},
        {**EXTRA, "regions": {False: EXTRA["regions"]["JP"]}},
        {**EXTRA, "regions": {"JP": {"names": {"en": "Japan"}, "aliases": []}}},
        {**EXTRA, "regions": {"JP": {**EXTRA["regions"]["JP"], "aliases": ["China"]}}},
        {**EXTRA, "regions": {"JP": {**EXTRA["regions"]["JP"], "aliases": ["---"]}}},
        {**EXTRA, "regions": {}},
        {**EXTRA, "order": {"crisis": {}}},
        changed(id=7),
        changed(id="one"),
        changed(id="cn-12356", region="CN"),
        changed(replaces=True),
        changed(replaces="yes"),
        changed(source="DROP"),
        changed(source=""),
        changed(contact=110),
        changed(contact=""),
        changed(contact="call us"),
        changed(contact="javascript:alert(1)"),
        changed(channels=[]),
        changed(channels=["fax"]),
        changed(channels=["call", "call"]),
        changed(hours="always"),
        changed(timezone="Tokyo"),
        changed(timezone="Asia/Edo"),
        changed(languages=[False]),
        changed(audience=["robots"]),
        changed(serves=["police"]),
        changed(serves="police"),
        changed(verified_on=None),
        changed(verified_on="yesterday"),
        changed(verified_on="2026-13"),
        changed(caution="careful"),
        changed(name={"en": "line"}),
        changed(name={"zh-Hans": "a", "zh-Hant": " b", "en": "c"}),
        changed(colour="red"),
    ],
)
def test_malformed_files_are_refused_by_name(tmp_path, data):
    path = write(tmp_path, data)
    with pytest.raises(DataError) as caught:
        FileDirectory(extra=[path])
    assert caught.value.code == "data.malformed"


def test_broken_yaml_and_missing_files_are_typed(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("lines: [", encoding="utf-8")
    with pytest.raises(DataError, match=r"broken\.yaml"):
        FileDirectory(extra=[path])
    with pytest.raises(DataError) as caught:
        FileDirectory(path=tmp_path / "none.yaml")
    assert caught.value.code == "data.unreadable"


def main_without(tmp_path: Path, *, region: str = "", order: bool = True, service: str = "") -> Path:
    data = yaml.safe_load(SHIPPED.read_text("utf-8"))
    data["lines"] = [line for line in data["lines"] if line["region"] != region]
    for line in data["lines"]:
        if line["region"] == "CN":
            line["serves"] = [s for s in line["serves"] if s != service] or ["fire"]
    data["regions"].pop(region, None)
    if not order:
        del data["order"]
    return write(tmp_path, data)


@pytest.mark.parametrize(
    "without", [{"region": "ZZ"}, {"order": False}, {"service": "police"}, {"service": "ambulance"}]
)
def test_a_main_file_must_be_whole(tmp_path, without):
    with pytest.raises(DataError):
        FileDirectory(path=main_without(tmp_path, **without))


class Thin:
    """An operator's own directory, with less than is needed."""

    name = "thin"
    version = "1"

    def __init__(self, codes=("ZZ",), services=()):
        self._codes = codes
        self._lines = tuple(
            line
            for line in DIRECTORY.all_lines()
            if line.region == "CN" and not set(line.serves) & set(services)
        )

    def regions(self):
        return self._codes

    def lines(self, region, *, kinds=(), level="none"):
        return self._lines


@pytest.mark.parametrize(
    "directory",
    [
        Thin(codes=()),
        Thin(codes=("CN",)),
        Thin(services=["police"]),
        Thin(services=["ambulance"]),
        Thin(services=["psychological", "domestic_violence"]),
        Thin(services=list(Service)),
    ],
)
def test_a_thin_directory_fails_at_the_start_not_in_a_crisis(directory):
    with pytest.raises(DataError):
        Referrals(directory)


def test_any_directory_with_all_three_serves():
    referrals = Referrals(Thin())
    text = referrals.crisis(level="crisis", kinds=["suicide"], subject="self", region="", language="zh").text
    assert "12356" in text
    assert referrals.is_vetted(text)
