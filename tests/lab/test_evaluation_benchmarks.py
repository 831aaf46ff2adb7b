"""The benchmarks around CBT-LLM: personas, clients, sessions, sets, tables, and the command."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from cbtguard.lab.cli import lab_command
from cbtguard.lab.evaluation.benchmarks import NAMES, SESSIONS, Bench
from cbtguard.lab.evaluation.client import ChatClient, ScriptedClient
from cbtguard.lab.evaluation.counsellor import Reply, counsellor_of
from cbtguard.lab.evaluation.persona import Attitude, read_personas
from cbtguard.lab.evaluation.published import published
from cbtguard.lab.evaluation.references import written_cases
from cbtguard.lab.evaluation.score import LeftOut, Score
from cbtguard.lab.evaluation.session import hold
from cbtguard.lab.evaluation.sets import cases_of, personas_of, relevance_cases
from cbtguard.lab.evaluation.table import as_dict, write
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers import Composer, WritingTask
from cbtguard.safety.errors import DataError, SettingsError, WriterError
from cbtguard.safety.language import detect
from cbtguard.safety.structure import Part

if TYPE_CHECKING:
    from pathlib import Path

PERSONAS = {persona.id: persona for persona in read_personas()}
WHO = PERSONAS["night-project"]
NOTES = NoteLibrary().pick(["worry-time"])
WHOLE = Composer().compose(WritingTask(question=WHO.opening, language="zh-Hans", notes=NOTES)).text
COLD = "请于周一上午九点前提交材料。"


class Fixed:
    """A counsellor who says the same in every session, in order; the last for ever."""

    name = "fixed"

    def __init__(self, *replies: Reply) -> None:
        self.replies = replies

    async def reply(self, session: str, said) -> Reply:
        return self.replies[min(len(said) // 2, len(self.replies) - 1)]


def test_there_are_enough_personas_each_in_its_language():
    counts = Counter(persona.language for persona in PERSONAS.values())
    assert sum(counts.values()) >= 12
    assert min(counts["zh"], counts["en"]) >= 5
    for persona in PERSONAS.values():
        lines = (persona.opening, *persona.told.values(), *persona.withheld, *persona.engaged)
        assert len(set(lines)) == len(lines)
        assert {detect(line)[:2] for line in lines if len(line) > 9} == {persona.language}


def session(attitude: Attitude, checker, *replies: Reply, most: int = 10):
    client = ScriptedClient(WHO, attitude, checker)
    return asyncio.run(hold(Fixed(*replies), client, WHO, attitude, most=most))


def test_a_cooperative_client_tells_what_is_opened_and_gives_thanks(real_checker):
    found = session(Attitude.COOPERATIVE, real_checker, Reply(text=WHOLE))
    assert (found.turns, found.opened, found.end) == (6, 5, "ended")
    assert found.said[2::2] == (*(WHO.told[part] for part in Part), WHO.thanks)


def test_an_engaged_client_adds_lines_and_goes_on_unasked(real_checker):
    found = session(Attitude.ENGAGED, real_checker, Reply(text=COLD))
    assert (found.opened, found.end) == (5, "ended")
    assert found.said[2].endswith(WHO.engaged[0])


def test_a_resistant_client_withholds_first_then_tells_who_understands(real_checker):
    found = session(Attitude.RESISTANT, real_checker, Reply(text=WHOLE))
    assert found.said[2] == WHO.withheld[0]
    assert (found.opened, found.end, found.turns) == (5, "ended", 7)


@pytest.mark.parametrize("attitude", [Attitude.RESISTANT, Attitude.COOPERATIVE])
def test_who_is_not_understood_leaves(real_checker, attitude: Attitude):
    found = session(attitude, real_checker, Reply(text=COLD))
    assert (found.turns, found.opened, found.end) == (2, 0, "left")
    assert found.said[-1] == WHO.leave


def test_sent_to_people_without_words_and_too_long(real_checker):
    assert session(
        Attitude.ENGAGED, real_checker, Reply(text="请拨打", referred=True, reason="no_note")
    ).end == ("referred no_note")
    silent = session(Attitude.ENGAGED, real_checker, Reply(text="", failure="no_note"))
    assert (silent.end, silent.turns, silent.failures) == ("silent", 0, ("no_note",))
    assert session(Attitude.ENGAGED, real_checker, Reply(text=WHOLE), most=2).end == "most"


def test_the_same_session_twice(real_checker):
    one, two = (session(Attitude.RESISTANT, real_checker, Reply(text=WHOLE)) for _ in range(2))
    assert one == two


class Player:
    """A chat model that says its outputs in order, and fails once they have run out."""

    name = "player"

    def __init__(self, *outputs: str) -> None:
        self.outputs, self.heard = list(outputs), []

    async def say(self, messages, *, temperature: float = 0.0, seed: int = 0) -> str:
        self.heard.append([dict(message) for message in messages])
        if not self.outputs:
            raise WriterError("writer.failed", "No outputs are left.", hint="Give more.")
        return self.outputs.pop(0)


def test_a_played_client_ends_by_its_mark_and_fails_openly():
    player = Player("我再说说。", "再见。[END]")
    client = ChatClient(WHO, Attitude.RESISTANT, player)
    found = asyncio.run(hold(Fixed(Reply(text=WHOLE)), client, WHO, Attitude.RESISTANT, most=9))
    assert (found.said[0], found.said[-1], found.end, found.turns) == (WHO.opening, "再见。", "ended", 2)
    system = player.heard[0][0]["content"]
    assert WHO.about in system
    assert "You doubt that talking helps" in system
    gone = asyncio.run(hold(Fixed(Reply(text=WHOLE)), ChatClient(WHO, Attitude.ENGAGED, Player()), WHO,
                            Attitude.ENGAGED, most=9))  # fmt: skip
    assert (gone.end, gone.failures) == ("client failed", ("writer.failed",))


def test_sets_are_of_the_size_and_source_they_say(tmp_path: Path):
    cases, about = cases_of("psychological_counselling", None, None)
    assert (len(cases), len({case.question for case in cases})) == (180, 180)
    assert "not the original" in about
    assert {detect(case.question)[:2] for case in cases_of("cbt_conversation", None, 20)[0]} == {"zh", "en"}
    assert all(case.reference for case in written_cases())
    assert relevance_cases() == tuple(cases)
    (tmp_path / "psychological_counselling.jsonl").write_text(
        '{"prompt": "睡不着", "response": "写下来"}', encoding="utf-8"
    )
    [own], about = cases_of("psychological_counselling", tmp_path, None)
    assert (own.question, own.reference, own.id) == ("睡不着", "写下来", "1")
    assert about.startswith("the user's")
    (tmp_path / "cbt_conversation.jsonl").write_text('{"question": "睡不着"}', encoding="utf-8")
    with pytest.raises(DataError, match="no reference"):
        cases_of("cbt_conversation", tmp_path, None)
    (tmp_path / "clinical_counselling.yaml").write_text("personas: [{id: x}]", encoding="utf-8")
    with pytest.raises(DataError, match="x is malformed"):
        personas_of("clinical_counselling", tmp_path, None)


def test_published_figures_never_mix_with_what_was_run(real_checker, tmp_path: Path):
    bench = Bench(
        counsellor=Fixed(Reply(text=WHOLE)),
        client_of=lambda persona, attitude: ScriptedClient(persona, attitude, real_checker),
        judges=(),
        encoder=lambda: None,  # type: ignore[arg-type] # no benchmark here needs it
    )
    results = [asyncio.run(bench.sessions(name, [WHO], "one persona")) for name in SESSIONS]
    assert len(bench.held) == 3
    turns = [e for e in results[-1].found if isinstance(e, Score) and e.name == "average turns"]
    assert [score.value for score in turns] == [6.0]
    left = {entry.name for entry in results[0].found if isinstance(entry, LeftOut)}
    assert "session_rating overall (resistant)" in left
    paths = write(tmp_path, results, published(), run={"counsellor": "fixed"})
    text = paths[0].read_text(encoding="utf-8")
    assert "| Session Rating Scale | resistant | 2.32 |" in text
    assert "| average turns |  | 6.000 |" in text
    assert paths[2].read_text(encoding="utf-8").startswith("<?xml")
    data = as_dict(results, published(), run={})
    assert {f["benchmark"] for f in data["published"]["figures"]} == set(NAMES)
    ran = json.dumps(data["results"])
    assert not any(f"{value}" in ran for value in (2.71, 2.32, 3.02, 6.16))


@pytest.mark.parametrize("spec", ["", "gpt", "openai:m", "guard:none", "transformers:"])
def test_a_writer_nobody_knows_is_refused(spec: str, default_settings):
    with pytest.raises(SettingsError), counsellor_of(spec, default_settings):
        pass


@pytest.fixture
def default_settings(tmp_path: Path):
    from cbtguard.graph.settings import Settings  # noqa: PLC0415 - reads the environment

    return Settings(home=tmp_path)


def test_the_command_runs_a_writer_and_writes_its_files(tmp_path: Path):
    out = tmp_path / "out"
    arguments = [
        "bench",
        "cbt",
        "counselling_interaction",
        "psychological_counselling",
        "--writer",
        "composer",
    ]
    result = CliRunner().invoke(
        lab_command, [*arguments, "--out", str(out), "--most", "2"], obj={"settings": None}
    )
    assert result.exit_code == 0, result.output
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert [row["benchmark"] for row in found["results"]] == [
        "psychological_counselling",
        "counselling_interaction",
    ]
    assert found["run"]["counsellor"] == "composer with notes, no guards"
    assert found["results"][0]["left_out"][0]["name"] == "relevance relevance"


def test_a_benchmark_nobody_knows_is_refused(tmp_path: Path):
    result = CliRunner().invoke(
        lab_command, ["bench", "cbt", "x", "--out", str(tmp_path)], obj={"settings": None}
    )
    assert isinstance(result.exception, SettingsError)
