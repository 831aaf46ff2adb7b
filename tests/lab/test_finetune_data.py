"""What a model is tuned on: files, tokens, loss on the answer alone, rows that are packed."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from cbtguard.lab.finetune.bench import SMALL
from cbtguard.lab.finetune.encoding import IGNORED, Encoded, Encoder, PromptStyle
from cbtguard.lab.finetune.examples import Example, Message, read_examples
from cbtguard.lab.finetune.flow import flow_messages
from cbtguard.lab.finetune.options import Options
from cbtguard.lab.finetune.packing import Collator, apart, bins, pack, refuse_leaks
from cbtguard.safety.errors import DataError, SettingsError
from cbtguard.safety.structure import StructureChecker

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + TEMPLATE


def tokenizer(template: str | None = TEMPLATE, *, end: str | None = "<|im_end|>") -> PreTrainedTokenizerFast:
    special = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={c: n for n, c in enumerate([*special, *alphabet])}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    ends = {"eos_token": end, "pad_token": end} if end else {}
    fast = PreTrainedTokenizerFast(tokenizer_object=raw, additional_special_tokens=special, **ends)
    fast.chat_template = template
    return fast


def model(kind: str = "sdpa") -> LlamaForCausalLM:
    torch.manual_seed(7)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=260,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            attn_implementation=kind,
            use_cache=False,
        )
    ).eval()


def example(**changes: Any) -> Example:
    return Example(
        **{"id": "a", "question": "I am tired.", "answer": "Rest a bit.", "language": "en", **changes}
    )


def learned(encoded: Encoded, fast: PreTrainedTokenizerFast) -> str:
    return fast.decode([token for token in encoded.labels if token != IGNORED])


# --- files ----------------------------------------------------------------------------------------------------


def folder(path: Path, **splits: Any) -> Path:
    for name, rows in splits.items():
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        (path / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


ROW = {"question": "Tired", "description": "All day.", "answer": "Rest."}
OTHER = {**ROW, "question": "Sad"}


def test_both_forms_of_rows_are_read(tmp_path: Path):
    talk = {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "我最近总是睡不着，很烦。"},
            {"role": "assistant", "content": "慢慢来。"},
        ]
    }
    made = read_examples(
        folder(tmp_path, train=[ROW, "", talk], valid=[{**OTHER, "id": 5, "language": "en"}])
    )
    first, second = made.train
    assert (first.id, first.question, first.answer, first.language) == (
        "train-1",
        "Tired\nAll day.",
        "Rest.",
        "en",
    )
    assert (second.id, second.language, second.answer) == ("train-3", "zh-Hans", "慢慢来。")
    assert second.past[0] == Message(role="system", content="Be kind.")
    assert [message.role for message in second.past] == ["system", "user", "assistant"]
    assert (made.valid[0].id, made.test) == ("5", ())
    digest = made.digest
    folder(tmp_path, valid=[{**OTHER, "answer": "Rest!"}])
    assert read_examples(tmp_path).digest != digest


@pytest.mark.parametrize(
    "row",
    [
        "{",
        "5",
        {},
        {"question": "a"},
        {"question": "a", "answer": 5},
        {"question": "", "answer": "b"},
        {"question": "a", "answer": " "},
        {"messages": []},
        {"messages": [{"role": "user", "content": "a"}]},
        {"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]},
        {
            "messages": [
                {"role": "tool", "content": "a"},
                *({"role": r, "content": "x"} for r in ("user", "assistant")),
            ]
        },
        {"messages": [{"role": r, "content": "x"} for r in ("user", "system", "user", "assistant")]},
    ],
)
def test_a_bad_row_is_named_by_its_place_and_not_quoted(tmp_path: Path, row: Any):
    with pytest.raises(DataError, match="row 2") as caught:
        read_examples(folder(tmp_path, train=[ROW, row], valid=[OTHER]))
    assert caught.value.code == "data.malformed"


def test_a_folder_without_held_out_rows_or_with_leaked_ones_is_refused(tmp_path: Path):
    with pytest.raises(DataError) as caught:
        read_examples(folder(tmp_path, train=[ROW]))
    assert caught.value.code == "data.unreadable"
    with pytest.raises(DataError) as caught:
        read_examples(folder(tmp_path, valid=[""]))
    assert caught.value.code == "data.empty"
    with pytest.raises(DataError) as caught:
        read_examples(folder(tmp_path, valid=[OTHER], test=[{**ROW, "question": " tired "}]))
    assert caught.value.code == "data.leak"


@pytest.mark.parametrize(("name", "fewest"), [("en", (120, 20, 20)), ("zh", (15, 3, 3))])
def test_the_pairs_that_ship_have_all_five_parts(name: str, fewest: tuple[int, int, int]):
    data = read_examples(SMALL / name)
    assert all(len(split) >= n for split, n in zip((data.train, data.valid, data.test), fewest, strict=True))
    checker = StructureChecker()
    for one in (*data.train, *data.valid, *data.test):
        assert one.language.startswith(name)
        assert checker.check(one.question, one.answer, language=one.language).passed, one.id


# --- tokens ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", [TEMPLATE, NO_SYSTEM])
def test_a_chat_learns_its_answer_and_end_and_nothing_else(template: str):
    fast = tokenizer(template)
    encoded = Encoder(fast, PromptStyle.CHAT).encode(example())
    prompt, answer = encoded.prompt, encoded.input_ids[len(encoded.prompt) :]
    assert fast.decode(prompt).endswith("I am tired.<|im_end|>\n<|im_start|>assistant\n")
    assert ("<|im_start|>system\n" in fast.decode(prompt)) is (template == TEMPLATE)
    assert fast.decode(answer) == "Rest a bit.<|im_end|>\n"
    # Token by token: what bears loss is the answer's own token, what does not is the prompt.
    for place, (token, label) in enumerate(zip(encoded.input_ids, encoded.labels, strict=True)):
        assert label == (IGNORED if place < len(prompt) else token)
    assert learned(encoded, fast) == "Rest a bit.<|im_end|>\n"


def test_an_earlier_answer_in_a_talk_bears_no_loss():
    fast = tokenizer()
    past = (
        Message(role="system", content="S."),
        Message(role="user", content="Hi"),
        Message(role="assistant", content="Hello."),
    )
    encoded = Encoder(fast, PromptStyle.CHAT).encode(example(past=past))
    assert learned(encoded, fast) == "Rest a bit.<|im_end|>\n"
    assert fast.decode(encoded.prompt).startswith("<|im_start|>system\nS.<|im_end|>\n<|im_start|>user\nHi")
    assert "Hello." in fast.decode(encoded.prompt)


def test_cbt_llm_is_asked_in_its_own_form():
    fast = tokenizer(None)
    encoded = Encoder(fast, PromptStyle.CBT_LLM).encode(example(question="我很累 {}", answer="休息一下。"))
    prompt = fast.decode(encoded.prompt)
    assert prompt.startswith("你是一名经验丰富的心理咨询师")
    assert prompt.endswith("\nHuman: 我很累 {}\nAssistant: ")
    assert learned(encoded, fast) == "休息一下。<|im_end|>"


def test_what_a_model_learns_from_begins_as_what_it_will_read():
    fast = tokenizer()
    one = Encoder(fast, PromptStyle.CHAT).encode(example())
    other = Encoder(fast, PromptStyle.CHAT).encode(example(answer="\n Something else"))
    assert one.prompt == other.prompt
    told = Encoder(fast, PromptStyle.CHAT, spelt_out=True).encode(example())
    assert len(told.prompt) > len(one.prompt)


@pytest.mark.parametrize(
    ("fast", "style"),
    [(tokenizer(None), PromptStyle.CHAT), (tokenizer(end=None), PromptStyle.CBT_LLM)],
)
def test_a_tokenizer_that_cannot_do_it_is_refused(fast: PreTrainedTokenizerFast, style: PromptStyle):
    with pytest.raises(SettingsError):
        Encoder(fast, style)


def test_a_long_example_is_left_out_and_not_cut():
    encoder = Encoder(tokenizer(), PromptStyle.CHAT)
    size = len(encoder.encode(example()).input_ids)
    kept, long = encoder.fitting([example(), example(answer="x" * 100)], size)
    assert ([len(one.input_ids) for one in kept], long) == ([size], 1)
    with pytest.raises(DataError) as caught:
        encoder.fitting([example()], size - 1)
    assert caught.value.code == "data.empty"


@pytest.mark.parametrize("style", list(PromptStyle))
def test_with_notes_a_model_learns_from_the_prompt_of_the_flow(style: PromptStyle):
    asked = example(question="I lie awake every night and keep worrying about my exam next week.")
    notes = flow_messages(Options(notes=1, prompt=style))
    read = tokenizer().decode(Encoder(tokenizer(), style, notes=notes).encode(asked).prompt)
    assert asked.question in read
    assert ("<note number" in read, "Steps" in read) == (style is PromptStyle.CHAT, True)
    assert flow_messages(Options()) is None


# --- rows -----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(50, 90))
def test_bins_hold_everything_once_and_are_few(lengths: list[int], size: int):
    made = bins(lengths, size)
    assert sorted(number for one in made for number in one) == list(range(len(lengths)))
    loads = [sum(lengths[n] for n in one) for one in made]
    assert all(load <= size for load in loads)
    assert len(made) <= 11 / 9 * max(-(-sum(lengths) // size), 0) + 1 + sum(n > size / 2 for n in lengths)


def test_an_item_that_no_bin_holds_is_an_error():
    with pytest.raises(ValueError, match="longer"):
        bins([5, 9], 8)


def three() -> list[Encoded]:
    fast = tokenizer()
    encoder = Encoder(fast, PromptStyle.CHAT)
    return [encoder.encode(example(answer=text)) for text in ("Rest a bit.", "Walk.", "Call a friend today.")]


@pytest.mark.parametrize("kind", ["sdpa", "eager"])
def test_packed_texts_do_not_see_each_other(kind: str):
    examples = three()
    size = sum(len(one.input_ids) for one in examples[:2])
    rows = pack(examples, size)
    assert len(rows) == 2
    batch = Collator(pad=3)(rows)
    assert "attention_mask" not in batch
    tiny = model(kind)
    refuse_leaks(tiny, examples)
    with torch.no_grad():
        out = tiny(input_ids=batch["input_ids"], position_ids=batch["position_ids"]).logits
        for row, ids, places in zip(out, batch["input_ids"], batch["position_ids"], strict=True):
            starts = [*(places == 0).nonzero().flatten().tolist(), len(ids)]
            for start, end in pairwise(starts):
                alone = tiny(input_ids=ids[None, start:end]).logits[0]
                assert torch.allclose(row[start:end], alone, atol=1e-5)


def test_a_packed_batch_bears_the_loss_of_its_examples():
    examples = three()
    tiny = model()
    collator = Collator(pad=3)
    with torch.no_grad():
        together = float(tiny(**collator(pack(examples, 2000))).loss)
        apart_ = float(tiny(**collator(apart(examples))).loss)
    assert together == pytest.approx(apart_, abs=1e-5)


def test_what_fills_up_a_batch_bears_no_loss():
    examples = three()
    batch = Collator(pad=3)(apart(examples))
    for ids, labels, seen, one in zip(
        batch["input_ids"], batch["labels"], batch["attention_mask"], examples, strict=True
    ):
        size = len(one.input_ids)
        assert ids[:size].tolist() == one.input_ids
        assert labels[:size].tolist() == one.labels
        assert set(labels[size:].tolist()) <= {IGNORED}
        assert seen.tolist() == [1] * size + [0] * (len(ids) - size)


class Leaking(LlamaForCausalLM):
    """Like models with code of their own that know nothing of packed rows."""

    def forward(self, input_ids=None, position_ids=None, **others):
        return super().forward(input_ids=input_ids, **others)


def test_a_model_that_mixes_packed_texts_is_refused():
    torch.manual_seed(7)
    leaking = Leaking(model().config)
    with torch.no_grad():
        for weights in leaking.parameters():
            weights.mul_(4.0)
    with pytest.raises(SettingsError) as caught:
        refuse_leaks(leaking, three())
    assert caught.value.code == "settings.invalid"
