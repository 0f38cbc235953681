"""Tell the first act of each kind with a message from its repetitions."""

from collections.abc import Iterable

from attrs import evolve

from messaging_core.models.delivery.interaction import Interaction, InteractionType


def with_firsts(interactions: Iterable[Interaction]) -> list[Interaction]:
    """Return the interactions with a message, each with whether it is the first of its type.

    Args:
        interactions: All interactions with one message, in the order in which they were stored.
    """
    by_anyone: set[InteractionType] = set()
    by_people: set[InteractionType] = set()
    marked = []
    for interaction in interactions:
        is_first = not interaction.is_by_machine and interaction.type not in by_people
        first = evolve(
            interaction,
            is_first_interaction=is_first,
            is_first_interaction_including_bots=interaction.type not in by_anyone,
        )
        marked.append(first)
        by_anyone.add(interaction.type)
        if not interaction.is_by_machine:
            by_people.add(interaction.type)
    return marked
