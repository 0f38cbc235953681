"""What platforms call messages, written in one way."""


def bare_reference(reference: str) -> str:
    """Return a reference without blanks around it and without angle brackets.

    A `Message-ID` stands in brackets in its header (RFC 5322 §3.6.4); of the providers that report
    on a mail, some leave them on and some take them off.
    """
    text = reference.strip()
    return text[1:-1].strip() if text[:1] == "<" and text[-1:] == ">" else text
