"""Reading `multipart/form-data`."""

from __future__ import annotations

import hashlib

import pytest

from bykilt.practice.multipart import MalformedForm, parse_multipart

TYPE = "multipart/form-data; boundary=----line7"


def part(disposition: str, content: bytes, *more: str) -> bytes:
    lines = [f"Content-Disposition: form-data; {disposition}", *more]
    return b"------line7\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"


END = b"------line7--\r\n"


def test_fields_and_files_keep_their_order_and_names() -> None:
    body = (
        part('name="note"', "緑茶".encode())
        + part('name="files"; filename="一覧.csv"', b"a,b\r\n1,2\r\n", "Content-Type: text/csv")
        + part('name="files"; filename="b.bin"', bytes(range(256)))
        + part('name="note"', b"again")
        + END
    )
    form = parse_multipart(TYPE, body)

    assert form.fields == (("note", "緑茶"), ("note", "again"))
    assert form.value("note") == "緑茶"
    assert form.value("absent", "none") == "none"
    assert [(file.name, file.content_type, file.size) for file in form.files] == [
        ("一覧.csv", "text/csv", 10),
        ("b.bin", "application/octet-stream", 256),
    ]
    assert form.files[1].sha256 == hashlib.sha256(bytes(range(256))).hexdigest()


def test_content_may_hold_line_breaks_dashes_and_blank_lines() -> None:
    content = b"\r\n\r\n--\r\n------line\r\n"
    form = parse_multipart(TYPE, part('name="f"; filename="x"', content) + END)

    assert form.files[0].content == content


def test_quotes_in_names_are_unescaped_and_other_percent_signs_kept() -> None:
    form = parse_multipart(TYPE, part('name="a"; filename="say %22hi%22 100%25.txt"', b"x") + END)

    assert form.files[0].name == 'say "hi" 100%25.txt'


def test_an_empty_file_input_is_no_file_but_an_empty_file_is_one() -> None:
    body = part('name="a"; filename=""', b"") + part('name="a"; filename="empty.txt"', b"") + END

    assert [(file.name, file.size) for file in parse_multipart(TYPE, body).files] == [("empty.txt", 0)]


def test_a_form_without_parts_is_empty() -> None:
    form = parse_multipart(TYPE, END)

    assert (form.fields, form.files) == ((), ())


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", END),
        ("multipart/form-data", END),
        (TYPE, b""),
        (TYPE, part('name="a"', b"x")),
        (TYPE, b"------line7\r\nno blank line\r\n" + END),
        (TYPE, part('filename="nameless"', b"x") + END),
    ],
)
def test_what_does_not_keep_to_the_format_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(MalformedForm):
        parse_multipart(content_type, body)
