"""Mail itself, apart from who carries it: addresses, headers, MIME, and the words of SMTP."""
