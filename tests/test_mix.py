"""Mixes of sizes: their text and their files both ways, and what is drawn from them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from bench import Mix
from bench.arrivals import plain
from bench.driver.sizing import DECK, PERIOD, MixedInbox, Sizes, drawn
from bench.errors import ScenarioError
from bench.mix import MOST_PARTS, Part
from bench.mixfile import read, resolved, resolved_word
from bench.payload import STAMP, STAMP_BYTES, filler, keys

TEXT = "100:70+1000-4000:25+64kB:5"
MIX = Mix.parse(TEXT)


def parts() -> st.SearchStrategy[Part]:
    weights = st.integers(1, 10**9).map(lambda millionths: millionths / 10**6)
    return st.builds(
        lambda least, wide, weight: Part(least_bytes=least, most_bytes=least + wide, weight=weight),
        st.integers(STAMP_BYTES, 1 << 20),
        st.integers(0, 1 << 16),
        weights,
    )


mixes = st.lists(parts(), min_size=1, max_size=9).map(lambda found: Mix(tuple(found)))


@given(mixes)
def test_a_mix_is_the_same_after_its_own_text(mix: Mix) -> None:
    assert Mix.parse(str(mix)) == mix


@given(mixes, st.lists(st.floats(0, 1), min_size=1))
def test_every_size_is_one_of_the_mix(mix: Mix, quantiles: list[float]) -> None:
    for size in mix.sizes_at(quantiles):
        assert any(part.least_bytes <= size <= part.most_bytes for part in mix.parts)
    assert mix.least_bytes <= mix.mean_bytes <= mix.most_bytes


def test_units_and_weights_are_understood() -> None:
    assert str(Mix.parse("64+2KiB:2 + 1kB-1MB:0.5+1MiB")) == "64:1+2048:2+1000-1000000:0.5+1048576:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the part '' of a mix is not understood; a mix is SIZE:WEIGHT or SIZE-SIZE:WEIGHT, joined by +"),
        ("100:70++200", "the part '' of a mix is not understood"),
        ("100:x", "the part '100:x' of a mix is not understood"),
        ("-5:1", "the part '-5:1' of a mix is not understood"),
        ("100,200", "the part '100,200' of a mix is not understood"),
        ("64KB", "the part '64KB' of a mix is not understood"),
        ("31:1", "31:1 has a size under 32 bytes, which a stamp needs"),
        ("300-200:1", "300-200:1 ends before it begins"),
        ("100:0", "100:0 has a weight that is not more than 0"),
        ("31:1+300-200", "31:1 has a size under 32 bytes, which a stamp needs; 300-200:1 ends before"),
        ("+".join(["100"] * (MOST_PARTS + 1)), "it has 1001 parts, and may have 1000: join sizes to ranges"),
    ],
)
def test_a_mix_that_makes_no_sense_is_a_sentence(text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        Mix.parse(text)
    assert message in str(caught.value)


def test_a_mix_needs_a_part() -> None:
    with pytest.raises(ScenarioError, match="payload_mix: it has no part"):
        Mix(())


def test_the_mean_is_that_of_what_is_drawn() -> None:
    assert Mix.parse("100:1+200-400:1").mean_bytes == 200
    sizes = drawn(MIX, 3)
    assert sum(sizes) / len(sizes) == pytest.approx(MIX.mean_bytes, rel=0.02)


def test_the_same_seed_draws_the_same_sizes_and_another_others() -> None:
    assert drawn(MIX, 5) == drawn(MIX, 5) != drawn(MIX, 6)


def test_the_sizes_of_a_seed_stay_what_they_are() -> None:
    """A stored seed is worth nothing if another version draws something else from it."""
    assert drawn(MIX, 5)[:8] == [100, 100, 100, 100, 100, 100, 2476, 1360]


def test_sizes_are_drawn_by_their_weights() -> None:
    """The first size of each of 400 seeds: independent draws, of which a chi-square test is one."""
    kinds = Counter(_kind(Sizes(MIX, seed=seed, producers=1, lanes=1)) for seed in range(400))
    assert chisquare([kinds[kind] for kind in range(3)], [280, 100, 20]).pvalue > 0.001


def _kind(sizes: Sizes) -> int:
    size = STAMP_BYTES + len(sizes.tail(0))
    return 0 if size == 100 else 2 if size == 64_000 else 1


def test_every_size_of_a_range_is_as_likely_as_the_next() -> None:
    counts = Counter(size // 100 for size in drawn(Mix.parse("1000-1999"), 1))
    assert chisquare([counts[hundred] for hundred in range(10, 20)]).pvalue > 0.001
    assert sum(counts[hundred] for hundred in range(10, 20)) == PERIOD


def test_a_deck_has_its_share_of_each_part_anywhere_in_it() -> None:
    sizes = drawn(MIX, 11)
    decks = [sizes[at : at + DECK] for at in range(0, PERIOD, DECK)]
    for deck in decks:
        assert abs(sum(size == 64_000 for size in deck) - 0.05 * DECK) < 1
        assert abs(sum(size == 100 for size in deck) - 0.70 * DECK) < 1
    places = Counter(at // 16 for deck in decks for at, size in enumerate(deck) if size == 64_000)
    assert chisquare([places[sixteenth] for sixteenth in range(DECK // 16)]).pvalue > 0.001


@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 400))
def test_so_many_messages_have_the_same_sizes_however_they_are_shared(
    producers: int, lanes: int, count: int
) -> None:
    sizes = Sizes(MIX, seed=2, producers=producers, lanes=lanes)
    found = []
    for producer in range(producers):
        share = count // producers + (producer < count % producers)
        for lane in range(lanes):
            wanted = keys(producer * lanes + lane, 3 * PERIOD, share // lanes + (lane < share % lanes))
            found += [STAMP_BYTES + len(sizes.tail(key)) for key in wanted]
    assert sorted(found) == sorted(drawn(MIX, 2)[:count])


@given(st.integers(0, 99), st.integers(0, 1 << 20), st.integers(1, 3), st.integers(1, 3))
def test_what_is_sent_is_what_is_expected(stream: int, number: int, producers: int, lanes: int) -> None:
    sizes = Sizes(Mix.parse("32:1+33-300:2"), seed=1, producers=producers, lanes=lanes)
    (key,) = keys(stream, number, 1)
    stamp = STAMP.pack(key, 9, key, 9)
    sent: list[bytes] = []
    sizes.publishing(sent.append, "await")(stamp)  # type: ignore[operator, arg-type, call-arg]  # it only keeps
    box = MixedInbox(sizes)
    box.bodies += [sent[0], sent[0][:-1], sent[0] + b"\0", b"", sent[0][:8]]
    box.check()
    assert box.damaged == [1, 2, 3, 4]
    assert sent[0] == stamp + filler(len(sent[0]))
    assert sizes.bytes_of([key, key]) == 2 * len(sent[0])


@pytest.mark.parametrize(
    ("content", "mix"),
    [
        ("100\n200\n\n100\n", "100:2+200:1"),
        ("size,weight\n100,70\n1000-4000,25\n64kB,5\n", str(MIX)),
        ("Size, Weight\r\n100, 0.25\r\n", "100:0.25"),
        ("[100, 200, 100]", "100:2+200:1"),
        ('[["100", 70], ["1000-4000", 25], [64000, 5]]', str(MIX)),
        ('{"100": 70, "1000-4000": 25, "64kB": 5}', str(MIX)),
    ],
)
def test_a_file_of_sizes_is_resolved_into_a_mix(tmp_path: Path, content: str, mix: str) -> None:
    path = tmp_path / "sizes.csv"
    path.write_text(content)
    assert str(read(path)) == mix
    assert resolved("payload_mix", f"file:{path}") == mix
    assert resolved("payload_mix", "file:sizes.csv", folder=tmp_path) == mix
    assert resolved_word(f"payload_mix=file:{path}") == f"payload_mix={mix}"


def test_other_words_stay_as_they_are() -> None:
    assert resolved("payload_mix", TEXT) == TEXT
    assert resolved("handler", "file:x") == "file:x"
    assert resolved_word("aio-pika @ file:///checkout") == "aio-pika @ file:///checkout"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"size,weight\n", "is empty"),
        (b"[]", "is empty"),
        (b"[100", "is not understood (Expecting"),
        (b"[[100]]", "is not understood (not enough values"),
        (b'{"100": {}}', "is not understood (float()"),
        (b"100,many", "is not understood (could not convert"),
        (b"many", "the part 'many:1.000000000' of a mix is not understood"),
        (b"100\n5\n", "5:1 has a size under 32 bytes"),
        (b"\xff\xfe\xfa", "cannot be read (it is no text in UTF-8)"),
    ],
)
def test_a_file_that_holds_no_sizes_is_a_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "sizes"
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        read(path)
    assert message in str(caught.value)
    assert "sizes" in str(caught.value)


def test_a_file_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(
        ScenarioError, match=r"file of sizes gone cannot be read \(No such file or directory\)"
    ):
        read(Path("gone"))


def test_a_weight_is_written_without_an_exponent() -> None:
    assert plain(Mix.parse("100:0.000001").parts[0].weight) == "0.000001"
