"""The words of the person that an answer takes up: one clause that says what hurts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cbtguard.nodes.retrieval.focus import focus

if TYPE_CHECKING:
    from cbtguard.nodes.reading import Reading

_CLAUSE = re.compile(r"[^，,。！？!?；;：:\n]+")
_ENGLISH_CLAUSE = re.compile(r"[^,.!?;:\n]+")
_LEADING = re.compile(
    r"^(?:但是?|可是|而且|然后|所以|因为|并且|不过|甚至|尤其是?|其实|还有|于是|以至于|导致|并|也|就是|比如|例如|同时|虽然|即使|如果|只是|却|而|那么|总之|结果)+"
    r"|^(?:but|and|so|because|also|then|although|though|even|that|which|or)\s+",
    re.IGNORECASE,
)
_POINTING = re.compile(
    r"(?:这|那|它)(?!个|位|次|份|种|段|件)|我是(?:一)?(?:个|名|位)|我(?:真的|最近|一直|总是|总|感到|感觉|觉得|很|非常|特别|十分|有点)+.{0,6}$"
    r"|(?:this|that|it) ",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"怎么办|怎么做|该怎么|请问|想(?:问|咨询|请教|听听)|求助|帮帮我|吗$|呢$"
    r"|what should i|how (?:do|can|should) i|please help|any advice"
)
_FIRST_PERSON = re.compile(r"我|自己|(?<![a-z])(?:i|i'm|my|me)(?![a-z])", re.IGNORECASE)
# Marks and words of prompts, and characters that hide or turn round the text behind them.
_UNSAFE = re.compile(
    r"[“”\"「」『』<>{}\[\]|]|https?:|www\.|(?<![a-z])(?:system|assistant|human|ignore|instructions?)(?![a-z])"
    r"|提示词|指令|忽略"
    "|[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ue000-\uf8ff\ufeff\ufff9-\uffff]"
    "|[\ud800-\udfff\U000e0000-\U000effff]",
    re.IGNORECASE,
)


def repeatable(words: str) -> bool:
    """Whether a person's words may stand in an answer: nothing in them passes for an instruction or hides."""
    return _UNSAFE.search(words) is None


def quote(text: str, reading: Reading, language: str) -> str | None:
    """Return a clause of the question worth repeating, word for word, or None when none is fit.

    A clause is fit when it is neither a scrap nor a speech, asks nothing, and holds no marks or words that
    could pass for an instruction. The one with the strongest feeling or thinking habit wins.
    """
    english = language.startswith("en")
    core = focus(text, limit=10_000)
    best: tuple[float, str] | None = None
    places = [(f.start, f.end, f.weight * 0.6) for f in (*reading.emotions, *reading.distortions)]
    places += [(f.start, f.end, f.weight * 0.6) for f in reading.problems[:6]]
    offset = text.find(core)
    for match in (_ENGLISH_CLAUSE if english else _CLAUSE).finditer(core):
        raw = match.group().strip()
        clause = _LEADING.sub("", raw).strip()
        size = len(clause.split()) if english else len(clause)
        if not (4 <= size <= 22 if english else 6 <= size <= 30):
            continue
        if _ASKING.search(clause.lower()) or not repeatable(clause):
            continue
        start, end = offset + match.start(), offset + match.end()
        telling = sum(weight for a, b, weight in places if start <= a and b <= end)
        first_person = 0.4 if _FIRST_PERSON.search(clause) else 0.0
        # 这让我很痛苦 says how much it hurts, not what.
        empty = 0.8 if _POINTING.match(clause) else 0.0
        score = telling + first_person - empty - abs(size - (10 if english else 15)) * 0.02
        if best is None or score > best[0]:
            best = (score, clause)
    return best[1] if best and best[0] > -0.2 else None
