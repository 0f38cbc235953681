"""Rate limits of a configuration, which channels share by name."""

from typing import Any

import pytest

from messaging_adapters.config import load_config
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.throttled import Throttled
from messaging_core.errors import ConfigurationError
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome
from messaging_core.testing import ManualClock
from messaging_core.testing.contracts.transport import CONTENTS, Leave, an_envelope


def config(limits: Any, **channels: str | None) -> dict[str, Any]:
    """Return a configuration with channels that have limits of these names."""
    tables = {
        name: {"platform": "sms", "sender": "Shop", "transport": f"file:{name}"}
        | ({} if limit is None else {"limit": limit})
        for name, limit in channels.items()
    }
    return {"channels": tables, "limits": limits}


def test_channels_with_one_limit_share_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    limits = {"account": {"rate": 0.001, "burst": 3}, "other": {"rate": 5}}
    made = load_config(config(limits, a="account", b="account", c="other", d=None))

    transports = made.make_transports({})
    outcomes = [
        transports[name].send(an_envelope(*CONTENTS[1]), Leave()) for name in ("a", "b", "a", "b")
    ]

    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, Accepted, Deferred]
    assert isinstance(transports["c"].send(an_envelope(*CONTENTS[1]), Leave()), Accepted)
    assert not isinstance(transports["d"], Throttled)


def test_channels_of_one_transport_may_have_different_limits() -> None:
    data = config({"x": {"rate": 1}, "y": {"rate": 2}}, a="x", b="y", c="x", d=None)
    for table in data["channels"].values():
        table["transport"] = "console:"

    transports = load_config(data).make_transports({})

    assert transports["a"] is transports["c"]
    assert len({id(transport) for transport in transports.values()}) == 3


def test_a_shared_limit_has_its_name_as_key() -> None:
    limits = {
        "account": {"rate": 30, "shared": True, "per_sender": True},
        "slots": {"concurrency": 20},
    }
    data = config(limits, a="account", b="slots")
    made = load_config(data).limits

    assert repr(made["a"].rate) == "RateLimit(30, key='account', count='messages')"
    assert repr(made["b"].concurrency) == "ConcurrencyLimit(20, key='slots')"


def test_a_rate_and_a_concurrency_hold_together(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    limits = {"account": {"rate": 0.001, "burst": 2, "concurrency": 1}}
    config_of_both = load_config(config(limits, a="account", b="account"))
    transports = config_of_both.make_transports({})
    clock = ManualClock()
    storage = MemoryStorage()
    for transport in transports.values():
        assert isinstance(transport, Throttled)
        transport.share(storage, clock)
    inner: list[Outcome] = []

    class Meanwhile(Leave):
        """Sends another message while one is under way."""

        def __call__(self, **_: Any) -> None:
            inner.append(transports["b"].send(an_envelope(*CONTENTS[1]), Leave()))

    first = transports["a"].send(an_envelope(*CONTENTS[1]), Meanwhile())
    others = [transports["b"].send(an_envelope(*CONTENTS[1]), Leave()) for _ in range(2)]

    # The one that waited for its turn took nothing of the rate.
    assert [type(outcome) for outcome in inner] == [Deferred]
    assert [type(outcome) for outcome in (first, *others)] == [Accepted, Accepted, Deferred]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (config({"account": {"rate": 1}}, a="acount"), "[channels.a] limit: there is no [limits."),
        (config({"account": {"rate": 1}}, a="acount"), 'did you mean "account"?'),
        (config({"x": {}}, a="x"), "[limits.x] rate: missing; it is a number"),
        (config({"x": 3}, a="x"), "[limits.x] must be a table"),
        (config({"x": {"rate": 0}}, a="x"), "[limits.x] rate must be a number above 0"),
        (config({"x": {"rate": 1, "burst": 0}}, a="x"), "[limits.x] burst: must be 1 to"),
        (config({"x": {"rate": 1, "count": "words"}}, a="x"), '[limits.x] count: "words" is not'),
        (
            config({"x": {"rate": 1, "burst": 2, "shared": True}}, a="x"),
            "[limits.x] a shared limit",
        ),
        (config({"x": {"rate": 1, "shared": "yes"}}, a="x"), "[limits.x] shared: must be true"),
        (config({"x": {"concurrency": 0}}, a="x"), "[limits.x] concurrency: must be 1 to"),
        (config({"x": {"concurrency": 0, "rate": 2}}, a="x"), "[limits.x] concurrency: must be"),
        (config({"x": {"concurrency": 1, "burst": 2}}, a="x"), "[limits.x] rate: missing"),
        (config([], a=None), "limits: must be a table"),
    ],
)
def test_a_fault_is_named(data: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_config(data)

    assert fault in str(caught.value)
