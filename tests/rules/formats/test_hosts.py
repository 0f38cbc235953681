"""Hosts: which there are, and which pretend to be another."""
# ruff: noqa: RUF001 - homographs are what this module is about

import pytest

from messaging_core.rules.formats.hosts import ascii_host, is_suspicious_host


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("example.com", "example.com"),
        ("My_Host.Example.COM", "My_Host.Example.COM"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("café.fr", "xn--caf-dma.fr"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai"),
    ],
    ids=ascii,
)
def test_a_host_is_known_to_the_name_system_by_ascii(host: str, expected: str) -> None:
    assert ascii_host(host) == expected


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "a..example",
        "-a.example",
        "example.com.",
        "192.0.2.999",
        "0x7f.1",
        "1.2.3",
        "[::1",
        "[fe80::1%eth0]",
        "[hello]",
        "xn--zz--zz.com",
        "i❤.ws",
        "\ud800.example",
        "١٢٣.١٢٣",
        "a" * 64 + ".example",
        "a." * 5_000_000,
        "é." * 5_000_000,
    ],
    ids=lambda host: ascii(host)[:20],
)
def test_there_is_no_such_host(host: str) -> None:
    assert ascii_host(host) is None
    assert is_suspicious_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "192.0.2.7",
        "[2001:db8::1]",
        "café.fr",
        "пример.рф",
        "сор.рф",
        "日本語.jp",
        "東京tower.jp",
        "한국어.kr",
        "ελλάδα.gr",
        "xn--e1afmkfd.xn--p1ai",
        "مثال.example",
    ],
    ids=ascii,
)
def test_a_host_in_one_script_or_in_scripts_written_together_is_fine(host: str) -> None:
    assert not is_suspicious_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "аpple.com",
        "www.pаypal.com",
        "xn--pple-43d.com",
        "аррӏе.com",
        "xn--80ak6aa92e.com",
        "ουτο.com",
        "comノx.jp",
        "ｅxample.com",
        "xn--pple-43d.аррӏе.рф",
    ],
    ids=ascii,
)
def test_a_homograph_is_suspicious_however_it_is_written(host: str) -> None:
    assert is_suspicious_host(host)
