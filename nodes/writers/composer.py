"""The offline composer: a five-part answer from the person's own words, what they show, and the notes."""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cbtguard.nodes.reading import Reading, read
from cbtguard.nodes.reading.reader import emotion_name
from cbtguard.nodes.retrieval.note import vocabulary
from cbtguard.nodes.writers.phrases import Phrases, phrases
from cbtguard.nodes.writers.quote import quote, repeatable
from cbtguard.nodes.writers.task import Draft, Filling
from cbtguard.safety.errors import WriterError
from cbtguard.safety.language import Language, detect, to_traditional
from cbtguard.safety.structure import Part

if TYPE_CHECKING:
    from collections.abc import Collection

    from cbtguard.nodes.reading import Finding
    from cbtguard.nodes.retrieval.note import Note
    from cbtguard.nodes.writers.task import WritingTask

_CLEAR_HABIT = 0.75
"""Weight from which a thinking habit is named; below it the thought is offered as a guess."""
_SHORTER = 0.3
"""How often three steps are given instead of four."""
_CLAUSE_MARK = re.compile(r"[，,。.！!？?；;：:\n]")
_OWN = re.compile("[\ue000-\ue0ff]")
"""Stands for words of the person until the rest is turned into Traditional script."""


class Composer:
    """Writes without a model. The same question gets the same answer; another one gets other words."""

    name = "composer"

    async def write(self, task: WritingTask) -> Draft:
        """Return a draft of five paragraphs: validation, key thought, challenge, strategy, encouragement.

        Raises:
            WriterError: ``writer.no_notes`` when the task holds no note to stand on.
        """
        return self.compose(task)

    def compose(self, task: WritingTask) -> Draft:
        """Return what :meth:`write` returns, without waiting."""
        filling = self.fill(task, tuple(Part) if task.part is None else (task.part,))
        return Draft(text="\n\n".join(filling.parts.values()), citations=filling.citations)

    def fill(self, task: WritingTask, parts: Collection[Part]) -> Filling:
        """Return some of the five paragraphs; see :class:`cbtguard.nodes.writers.task.Filler`.

        Raises:
            WriterError: As :meth:`write`.
        """
        if not task.notes:
            raise WriterError(
                "writer.no_notes",
                "There is no note to stand on.",
                hint="Give the composer at least one technique note.",
            )
        made = _Composition(task, "en" if task.language == "en" else "zh")
        # All are made, so that each reads as it would in the whole answer.
        paragraphs = {part: made.paragraph(part) for part in Part}
        cited = made.cited if Part.STRATEGY in parts else made.cited[:1]
        return Filling(
            parts={part: paragraphs[part] for part in Part if part in parts},
            citations=tuple(note.id for note in cited),
        )


@dataclass(frozen=True, slots=True)
class _Choice:
    """Picks one of several wordings, steadily: the question decides, not the clock."""

    random: random.Random

    def of(self, several: tuple[str, ...]) -> str:
        return several[self.random.randrange(len(several))]


class _Composition:
    """One answer in the making."""

    def __init__(self, task: WritingTask, language: str) -> None:
        seed = hashlib.sha256(f"{task.question}|{task.attempt}".encode("utf-8", "surrogatepass")).digest()
        self._pick = _Choice(random.Random(int.from_bytes(seed[:8], "big")))  # noqa: S311 - wording, not secrets
        self._task = task
        self._language = language
        self._own: Phrases = phrases(language)
        self._reading: Reading = read(task.question)
        self._main = task.notes[0]
        self._problem = _problem(self._reading, self._main, self._own)
        self.cited: list[Note] = [self._main]
        self.own_words: dict[str, str] = {}

    def paragraph(self, part: Part) -> str:
        """One part, in the script of the answer, the person's words as they wrote them."""
        text: str = getattr(self, part.value)()
        if self._task.language == "zh-Hant":
            text = to_traditional(text)
        return _OWN.sub(lambda mark: self.own_words.get(mark.group(), mark.group()), text)

    def validation(self) -> str:
        """Their own words, the feeling in them, and that it is understandable."""
        words = quote(self._task.question, self._reading, self._language)
        feeling = self._reading.emotions[0].label if self._reading.emotions else None
        slots = {
            "quote": self._said(words) if words else "",
            "emotion": emotion_name(feeling, self._language) if feeling else "",
            "feeling": emotion_name(feeling, self._language, noun=True) if feeling else "",
            "empathy": self._pick.of(self._own.empathy[self._problem]),
        }
        if words and feeling:
            inside = any(f.label == feeling and f.evidence in words for f in self._reading.emotions)
            return self._fill("opening" if inside else "opening_apart", slots)
        if words:
            return self._fill("opening_no_emotion", slots)
        slots["emotion"] = slots["emotion"] or ("不容易" if self._language == "zh" else "under strain")
        slots["feeling"] = slots["feeling"] or ("为难" if self._language == "zh" else "strain")
        return self._fill("opening_no_quote", slots)

    def key_thought(self) -> str:
        """The thinking habit that shows, or a guess at the thought behind the feeling."""
        thought = self._pick.of(self._own.thoughts[self._problem])
        for found in self._reading.distortions:
            words = _whole_clause(self._task.question, found, self._language)
            if found.weight < _CLEAR_HABIT or not repeatable(words) or not 3 <= len(words) <= 70:
                continue
            habit = vocabulary().distortions[found.label].of(self._language)
            return self._fill(
                "thought_found",
                {
                    "words": self._said(words),
                    "habit": habit,
                    "meaning": self._own.habits[found.label],
                    "thought": thought,
                },
            )
        return self._fill("thought_guessed", {"thought": thought})

    def challenge(self) -> str:
        """Two open questions of the note."""
        questions = list(self._main.questions.of(self._language))
        self._pick.random.shuffle(questions)
        return self._fill("challenge", {"question": questions[0], "question2": questions[1]})

    def strategy(self) -> str:
        """The technique, why it helps, its steps, its caution, and a second one where it fits as well."""
        note, own = self._main, self._own
        text = self._fill(
            "strategy",
            {
                "title": note.title.of(self._language),
                "idea": note.idea.of(self._language),
                "steps": self._steps(note.steps.of(self._language)),
            },
        )
        if note.cautious:
            text += self._gap() + own.caution.format(not_for=note.not_for.of(self._language))
        second = self._second()
        if second is not None:
            self.cited.append(second)
            text += self._gap() + self._fill(
                "second",
                {
                    "title": second.title.of(self._language),
                    "step": _lower(second.steps.of(self._language)[0], self._language),
                },
            )
        return text

    def encouragement(self) -> str:
        """Looks ahead, in the words of the note."""
        words = self._pick.of(self._main.encouragement.of(self._language))
        return self._fill("encouragement", {"encouragement": words})

    def _said(self, words: str) -> str:
        """A mark that stands for the person's words: script conversion must not touch Traditional ones."""
        if self._task.language == "zh-Hant" and detect(self._task.question) != Language.ZH_HANT:
            words = to_traditional(words)
        mark = chr(0xE000 + len(self.own_words))
        self.own_words[mark] = words
        return mark

    def _second(self) -> Note | None:
        """Another note that serves the same problem, if it needs no caution."""
        others = [
            note
            for note in self._task.notes[1:]
            if not note.cautious
            and (self._problem in note.problems or set(note.problems) & set(self._main.problems))
        ]
        return self._pick.random.choice(others) if others and self._pick.random.random() < 0.7 else None

    def _steps(self, steps: tuple[str, ...]) -> str:
        """Three or four steps in flowing prose."""
        leads = self._pick.of(self._own.patterns["steps"]).split("|")
        # A beginning of three steps is one too, and two people with one note do not read the same page.
        chosen = steps[: 3 if self._pick.random.random() < _SHORTER else 4]
        # The last lead says that it is the last; a shorter list skips the one before.
        used = leads[: len(chosen)] if "四" in leads[3] else [*leads[: len(chosen) - 1], leads[3]]
        return self._gap().join(
            lead + _lower(step, self._language) for lead, step in zip(used, chosen, strict=True)
        )

    def _fill(self, pattern: str, slots: dict[str, str]) -> str:
        # One pass, so that braces in a person's words stay text.
        return self._pick.of(self._own.patterns[pattern]).format(**slots)

    def _gap(self) -> str:
        return "" if self._language == "zh" else " "


def _whole_clause(text: str, found: Finding, language: str) -> str:
    """The clause around the words that show a habit, when it is short; else the words themselves."""
    marks = _CLAUSE_MARK
    left = max((m.end() for m in marks.finditer(text, 0, found.start)), default=0)
    right_mark = marks.search(text, max(found.start + 1, left))
    right = right_mark.start() if right_mark else len(text)
    clause = text[left:right].strip()
    if len(clause) <= (70 if language == "en" else 20):
        return clause
    return found.evidence.split("，")[0].split(",")[0].strip(" 。.")


def _problem(reading: Reading, note: Note, own: Phrases) -> str:
    """The problem to speak to: the strongest the note serves, else the strongest, else the note's own."""
    found = [f.label for f in reading.problems if f.label in own.empathy]
    for label in found[:4]:
        if label in note.problems:
            return label
    return found[0] if found else next((p for p in note.problems if p in own.empathy), "general")


def _lower(sentence: str, language: str) -> str:
    """Fit an English sentence behind an introduction."""
    if language == "zh" or re.match(r"(?:I\b|I'|[A-Z]{2})", sentence):
        return sentence
    return sentence[0].lower() + sentence[1:]
