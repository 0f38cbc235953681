"""What every storage promises about addresses that must not be written to."""
# ruff: noqa: S101, D102 - asserts, names that are sentences, literal expectations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from attrs import evolve

from messaging_core.errors import InvalidQueryError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.people.directory import SuppressionQuery
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.builders import A_NUMBER, AN_ADDRESS, a_contact, a_suppression
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import AT, MICROSECOND, MOST_PAGES, raised

_NUMBER: Final = Identifier(identifier_key="phonenumber", identifier_value=A_NUMBER)
_ADDRESS: Final = Identifier(identifier_key="emailaddress", identifier_value=AN_ADDRESS)

_MARKETING: Final = SuppressionScope.MARKETING
_SENDER: Final = SuppressionScope.SENDER


def suppress(
    storage: Storage, *suppressions: Suppression, workspace: UUID = DEFAULT_WORKSPACE
) -> None:
    """Keep suppressions."""
    with storage.begin() as tx:
        tx.suppressions.add(workspace, suppressions)


def suppressed(
    storage: Storage, *identifiers: Identifier, workspace: UUID = DEFAULT_WORKSPACE
) -> Mapping[Identifier, Sequence[Suppression]]:
    """Return what addresses must not get."""
    with storage.begin(read_only=True) as tx:
        matches = tx.suppressions.for_addresses(workspace, identifiers)
        return {identifier: list(its) for identifier, its in matches.items()}


def walk_suppressions(storage: Storage, **query: Any) -> list[Suppression]:
    """Return all suppressions of a listing."""
    suppressions: list[Suppression] = []
    for _ in range(MOST_PAGES):
        with storage.begin(read_only=True) as tx:
            page = tx.suppressions.find(SuppressionQuery(**query))
        assert len(page.results) <= query.get("limit", SuppressionQuery().limit)
        suppressions += page.results
        if page.next_page_token is None:
            return suppressions
        query["page_token"] = page.next_page_token
    raise AssertionError("the walk does not end")


class SuppressionsContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_suppression_comes_back_as_it_was_added(self) -> None:
        storage = self.make_storage()
        of_sender = a_suppression(A_NUMBER, scope=_SENDER, sender="Shop", at=AT + MICROSECOND)
        marketing = a_suppression(A_NUMBER, cause=SuppressionCause.COMPLAINT)

        suppress(storage, of_sender, marketing)

        assert suppressed(storage, _ADDRESS, _NUMBER) == {_NUMBER: [marketing, of_sender]}
        assert suppressed(storage, _NUMBER, workspace=OTHER_WORKSPACE) == {}
        assert suppressed(storage) == {}

    def test_spellings_of_one_address_are_one(self) -> None:
        storage = self.make_storage()
        mail, number = a_suppression("Ada@Receiver.example"), a_suppression("+31 6 1234-5678")
        suppress(storage, mail, number, a_suppression("x", identifier_key="own"))
        other = evolve(_ADDRESS, identifier_value="ADA@receiver.EXAMPLE")
        keys = [Identifier(identifier_key=key, identifier_value="X") for key in ("own", "\ud800")]

        matches = suppressed(storage, _ADDRESS, other, _NUMBER, *keys)

        assert matches == {_ADDRESS: [mail], other: [mail], _NUMBER: [number]}

    def test_the_latest_opt_in_is_remembered_for_each_sender(self) -> None:
        storage = self.make_storage()
        spelt = evolve(_NUMBER, identifier_value="0031 6 1234-5678")
        with storage.begin() as tx:
            note = partial(tx.suppressions.record_opt_in, DEFAULT_WORKSPACE)
            note(_NUMBER, sender="Shop", at=AT + MICROSECOND)
            note(spelt, sender="SHOP", at=AT)
            note(_NUMBER, sender="Bank", at=AT)

        with storage.begin(read_only=True) as tx:
            asked = [
                tx.suppressions.opted_in_at(workspace, identifier, sender=sender)
                for workspace, identifier, sender in (
                    (DEFAULT_WORKSPACE, spelt, "Shop"),
                    (DEFAULT_WORKSPACE, _NUMBER, "Bank"),
                    (DEFAULT_WORKSPACE, _ADDRESS, "Shop"),
                    (OTHER_WORKSPACE, _NUMBER, "Shop"),
                )
            ]
            assert not tx.suppressions.has_any()
        assert asked == [AT + MICROSECOND, AT, None, None]

    def test_the_first_of_two_equal_suppressions_stays(self) -> None:
        storage = self.make_storage()
        first = a_suppression("ada@x.example", scope=_SENDER, sender="News@Shop.example")

        suppress(storage, first, evolve(first, at=AT + MICROSECOND))
        suppress(
            storage,
            evolve(first, identifier_value="ADA@x.example", sender="news@shop.example"),
            evolve(first, sender="other@shop.example"),
            evolve(first, cause=SuppressionCause.COMPLAINT),
        )

        suppressions = walk_suppressions(storage)
        assert first in suppressions
        assert sorted(
            (str(suppression.sender), suppression.cause.value) for suppression in suppressions
        ) == [
            ("News@Shop.example", "complaint"),
            ("News@Shop.example", "manual"),
            ("other@shop.example", "manual"),
        ]

    def test_lifting_takes_one_scope_away_and_says_how_much_there_was(self) -> None:
        storage = self.make_storage()
        causes = (SuppressionCause.UNSUBSCRIBE, SuppressionCause.COMPLAINT)
        suppress(storage, *(a_suppression(AN_ADDRESS, cause=cause) for cause in causes))
        stays = a_suppression(AN_ADDRESS, scope=SuppressionScope.TRANSACTIONAL)
        suppress(storage, stays, workspace=OTHER_WORKSPACE)
        suppress(storage, stays)
        spelt = evolve(_ADDRESS, identifier_value=AN_ADDRESS.upper())

        with storage.begin() as tx:
            lift = tx.suppressions.lift
            counts = [
                lift(DEFAULT_WORKSPACE, _NUMBER, scope=_MARKETING),
                lift(OTHER_WORKSPACE, _ADDRESS, scope=_MARKETING),
                lift(DEFAULT_WORKSPACE, spelt, scope=_MARKETING),
                lift(DEFAULT_WORKSPACE, spelt, scope=_MARKETING),
            ]

        assert counts == [0, 0, 2, 0]
        assert walk_suppressions(storage) == [stays]
        assert walk_suppressions(storage, workspace=OTHER_WORKSPACE) == [stays]

    def test_lifting_may_name_causes_and_a_sender(self) -> None:
        storage = self.make_storage()
        stop, bounce = SuppressionCause.STOP_WORD, SuppressionCause.HARD_BOUNCE
        suppress(
            storage,
            *(
                a_suppression(A_NUMBER, scope=_SENDER, sender=sender, cause=cause)
                for sender in ("+31600000001", "Shop")
                for cause in (stop, bounce)
            ),
        )

        with storage.begin() as tx:
            lifted = tx.suppressions.lift(
                DEFAULT_WORKSPACE, _NUMBER, scope=_SENDER, sender="+31 600000001", causes=[stop]
            )

        assert lifted == 1
        left = {
            (suppression.sender, suppression.cause) for suppression in walk_suppressions(storage)
        }
        assert left == {("+31600000001", bounce), ("Shop", stop), ("Shop", bounce)}

    def test_suppressions_survive_the_contact(self) -> None:
        storage, suppression = self.make_storage(), a_suppression(A_NUMBER)
        with storage.begin() as tx:
            tx.contacts.save(a_contact("ada", A_NUMBER))
        suppress(storage, suppression)

        with storage.begin() as tx:
            tx.contacts.delete(DEFAULT_WORKSPACE, "ada")

        assert suppressed(storage, _NUMBER) == {_NUMBER: [suppression]}

    def test_suppressions_are_listed_page_by_page(self) -> None:
        storage = self.make_storage()
        several = [
            a_suppression(f"c{number:02}@x.example", scope=scope, cause=cause)
            for number in range(6)
            for scope in (_MARKETING, SuppressionScope.TRANSACTIONAL)
            for cause in (SuppressionCause.COMPLAINT, SuppressionCause.MANUAL)
        ]
        suppress(storage, *reversed(several))
        suppress(storage, several[0], workspace=OTHER_WORKSPACE)

        for limit in (1, 4, 5, 1000):
            assert walk_suppressions(storage, limit=limit) == several
            assert (
                walk_suppressions(
                    storage, limit=limit, scope=_MARKETING, cause=SuppressionCause.MANUAL
                )
                == several[1::4]
            )
        assert walk_suppressions(storage, cause=SuppressionCause.STOP_WORD) == []

    def test_a_page_of_suppressions_ends_though_nothing_matches(self) -> None:
        storage = self.make_storage()
        suppress(storage, *(a_suppression(f"c{number:04}@x.example") for number in range(1500)))
        last = a_suppression("d@x.example", cause=SuppressionCause.COMPLAINT)
        suppress(storage, last)

        query = SuppressionQuery(cause=SuppressionCause.COMPLAINT)
        with storage.begin(read_only=True) as tx:
            first = tx.suppressions.find(query)

        assert list(first.results) == []
        assert first.next_page_token is not None
        assert walk_suppressions(storage, cause=SuppressionCause.COMPLAINT) == [last]

    def test_a_listing_of_suppressions_takes_its_own_page_tokens_only(self) -> None:
        storage = self.make_storage()
        suppress(storage, a_suppression("a@x.example"), a_suppression("b@x.example"))
        with storage.begin(read_only=True) as tx:
            token = tx.suppressions.find(SuppressionQuery(limit=1)).next_page_token

        assert token is not None
        for query in (
            {"scope": _MARKETING, "page_token": token},
            {"page_token": "AAAAAAAAAABbMV0"},
        ):
            raised(InvalidQueryError, partial(walk_suppressions, storage, **query))

    def test_what_was_done_to_suppressions_is_rolled_back(self) -> None:
        storage, suppression = self.make_storage(), a_suppression(A_NUMBER)
        suppress(storage, suppression)

        def block() -> None:
            with storage.begin() as tx:
                tx.suppressions.add(DEFAULT_WORKSPACE, [a_suppression(AN_ADDRESS)])
                tx.suppressions.lift(DEFAULT_WORKSPACE, _NUMBER, scope=_MARKETING)
                raise KeyError

        raised(KeyError, block)

        assert walk_suppressions(storage) == [suppression]
