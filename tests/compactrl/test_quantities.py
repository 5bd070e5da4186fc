"""Counts and sizes as they are written."""

import pytest

from compactrl.quantities import a_return, read_count, read_size, short


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0), ("20000", 20_000), ("1_000_000", 1_000_000), ("1,200,000", 1_200_000), ("2e6", 2_000_000),
        ("2E6", 2_000_000), ("20k", 20_000), ("20K", 20_000), ("1M", 1_000_000), ("1.5M", 1_500_000),
        ("1.1M", 1_100_000), (" 3 M ", 3_000_000), (".5k", 500), ("1B", 10**9), ("-5", -5), ("2.0", 2), ("1e0", 1),
    ],
)  # fmt: skip
def test_a_count_is_read(text, count):
    assert read_count(text) == count


@pytest.mark.parametrize(
    "text",
    ["", " ", "many", "1.5", "1.2345k", "1MM", "1kB", "k", "1e", "0x10", "1,2", "12,34", "nan", "inf", "1e30", "--5"],
)
def test_what_is_no_count_is_refused_with_examples(text):
    with pytest.raises(ValueError, match=r"expected a whole number, such as 20000, 20k, 2e6 or 1.5M"):
        read_count(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("340", 340), ("2kB", 2000), ("2 KB", 2000), ("2k", 2000), ("64KiB", 65_536), ("1MB", 10**6), ("8B", 8)],
)
def test_a_size_is_read(text, size):
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["2kb/s", "1.0001kB", "two", "2GiB"])
def test_what_is_no_size_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="a whole number of bytes, such as 2000, 2kB or 64KiB"):
        read_size(text)


@pytest.mark.parametrize("number", [0, 7, 9999, 10_000, 12_345, 1_000_000, 1_500_000, 1_234_000, 20_000_000, -3])
def test_what_is_written_shortly_is_read_as_the_same(number):
    assert read_count(short(number)) == number
    assert len(short(number)) <= len(str(number))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9.999, "10.0"),
        (9.994, "9.99"),
        (-0.001, "0.00"),
        (-9.996, "-10.0"),
        (999.94, "999.9"),
        (999.96, "1000"),
        (-1234.56, "-1235"),
    ],
)
def test_digits_of_a_return_go_by_what_it_is_rounded_to(value, text):
    assert a_return(value) == text
