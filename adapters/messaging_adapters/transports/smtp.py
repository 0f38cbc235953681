"""Mail handed to a submission server over SMTP (RFC 5321, RFC 6409)."""

import socket
import ssl
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final, Self

from attrs import define, field

from messaging_adapters.mail.compose import Mail, compose
from messaging_adapters.mail.failures import UnsendableError, outcome_of, unsendable
from messaging_adapters.mail.pool import IdleSessions
from messaging_adapters.mail.replies import Reply, Stage, outcome_of_reply, shortened
from messaging_adapters.mail.session import NotOfferedError, RefusalError, Session
from messaging_core.errors import ConfigurationError
from messaging_core.models.envelope import EmailContent, Envelope
from messaging_core.models.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.outcome import Accepted, Outcome, PerRecipient, SingleOutcome
from messaging_core.ports.media import MediaSource
from messaging_core.ports.transport import Capabilities, Handoff, Transport
