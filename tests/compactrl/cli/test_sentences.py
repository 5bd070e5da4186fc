"""Sizes in words: bits are the paper's, bytes are those of the tables, and one does not follow from the other."""

from compactrl.cli.sentences import describe_sizes

SIZES = {"weights": 3, "biases": 4, "parameters": 7, "compression": 0.7, "bits": 264}


def test_bits_and_bytes_are_two_numbers():
    assert describe_sizes({**SIZES, "bytes": 45}) == (
        "3 weights + 4 biases = 7 parameters (70 % fewer than unstructured), 264 bits by the paper's formula; "
        "its tables take 45 bytes"
    )


def test_a_summary_of_before_has_no_bytes_to_tell():
    assert describe_sizes(SIZES).endswith("264 bits by the paper's formula")
