"""The Short Message Peer-to-Peer protocol 3.4: PDUs, texts, sessions and receipts."""
