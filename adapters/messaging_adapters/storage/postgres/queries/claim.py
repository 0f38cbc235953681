"""The statements of a claim: what is due is found, locked, leased and read by one of them."""

# ruff: noqa: S608 - no input

from typing import Final

from messaging_adapters.storage.postgres.statements import started_state
from messaging_core.models.messages.message import Status

# From one queue to the next, of all lanes at once; each step is one look into the index.
QUEUES: Final = (
    "WITH RECURSIVE queue (lane, workspace, channel_id) AS ("
    " SELECT l.lane, o.workspace, o.channel_id FROM unnest($1::bigint[]) AS l(lane)"
    " CROSS JOIN LATERAL (SELECT workspace, channel_id FROM messaging_outbox"
    " WHERE lane = l.lane ORDER BY workspace, channel_id LIMIT 1) o"
    " UNION ALL SELECT q.lane, o.workspace, o.channel_id FROM queue q"
    " CROSS JOIN LATERAL (SELECT workspace, channel_id FROM messaging_outbox"
    " WHERE lane = q.lane AND (workspace, channel_id) > (q.workspace, q.channel_id)"
    " ORDER BY workspace, channel_id LIMIT 1) o)"
)
_OF_QUEUE: Final = (
    "FROM messaging_outbox o WHERE o.lane = q.lane AND o.workspace = q.workspace"
    " AND o.channel_id = q.channel_id AND o.due_at <= $2 AND o.crashes = 0"
)
# How much is due in each queue, as far as it matters: one of several tenants can get no more than
# what the others leave when each of them gets one place. Where it is no more than the claim has
# places for, nothing is to be divided, and all of it is taken. Those due longest are counted, which
# are those that would be leased, so that what was leased before is noticed among them. A queue is
# asked for its first: the planner would answer EXISTS from all that is due.
_WAITING: Final = (
    f"{QUEUES}, busy AS MATERIALIZED (SELECT q.lane, q.workspace, q.channel_id FROM queue q"
    f" WHERE (SELECT 1 {_OF_QUEUE} ORDER BY o.due_at LIMIT 1) IS NOT NULL),"
    " tenants AS (SELECT lane, count(DISTINCT workspace) AS number FROM busy GROUP BY lane),"
    " waiting AS MATERIALIZED (SELECT q.lane, q.workspace, q.channel_id, c.number, w.most"
    " FROM busy q JOIN tenants t ON t.lane = q.lane"
    " LEFT JOIN unnest($6::bytea[], $7::bigint[]) AS w(channel_id, most)"
    " ON w.channel_id = q.channel_id CROSS JOIN LATERAL (SELECT count(*) AS number FROM"
    f" (SELECT 1 {_OF_QUEUE} ORDER BY o.due_at"
    " LIMIT least(greatest(1, $3 - t.number + 1), w.most)) d) c"
    " WHERE c.number > 0),"
    " divided AS MATERIALIZED (SELECT ($8 AND EXISTS (SELECT 1 FROM messaging_outbox"
    " WHERE crashes > 0 AND due_at <= $2)) OR EXISTS (SELECT 1 FROM waiting"
    " HAVING sum(number) > $3) OR EXISTS (SELECT 1 FROM waiting"
    " GROUP BY channel_id HAVING sum(number) > min(most)) AS is_so)"
)
# Of what is due, with a lease that ended unsettled: more than the lease is written with those.
_WAITING_FRESH: Final = (
    _WAITING.replace("c.number, w.most", "c.number, c.lapsed, w.most")
    .replace(
        "(SELECT count(*) AS number FROM (SELECT 1 ",
        "(SELECT count(*) AS number, bool_or(leased_until IS NOT NULL) AS lapsed"
        " FROM (SELECT o.leased_until ",
    )
    .replace(" AS is_so)", " OR EXISTS (SELECT 1 FROM waiting WHERE lapsed) AS is_so)")
)
_SHARES: Final = (
    "WITH waiting AS (SELECT * FROM unnest($1::bigint[], $3::bytea[], $6::bytea[], $7::bigint[])"
    " AS w(lane, workspace, channel_id, number))"
)
_LOCKED: Final = (
    " SELECT d.* FROM waiting q CROSS JOIN LATERAL ("
    "SELECT o.lane, o.position, o.due_at, o.handed_over, o.leased_until, o.workspace"
    f" {_OF_QUEUE} ORDER BY o.due_at, o.position LIMIT q.number FOR UPDATE SKIP LOCKED) d"
)
_LOCKED_FRESH: Final = _LOCKED.replace("ORDER BY", "AND o.leased_until IS NULL ORDER BY")
# The rows are found by their index, however many the planner expects, and each by its whole key.
_LEASED: Final = (
    "leased AS (UPDATE messaging_outbox o SET fence = o.fence + 1, attempts = o.attempts + 1,"
    " crashes = o.crashes + (o.leased_until IS NOT NULL)::int,"
    " due_at = $4, leased_until = $4, handed_over = 0 FROM due"
    " WHERE o.workspace = ANY(ARRAY(SELECT DISTINCT workspace FROM due))"
    " AND o.position = ANY(ARRAY(SELECT position FROM due))"
    " AND o.workspace = due.workspace AND o.position = due.position"
    " RETURNING o.workspace, o.position, o.fence, o.lane, o.expires_at, o.attempts, o.controls,"
    " o.progress, o.crashes),"
    f" started AS (UPDATE messaging_messages m SET status = '{Status.PROCESSING}',"
    f" state = {started_state('$5')} FROM due"
    " WHERE m.workspace = ANY(ARRAY(SELECT DISTINCT workspace FROM due))"
    " AND m.position = ANY(ARRAY(SELECT position FROM due))"
    " AND m.workspace = due.workspace AND m.position = due.position"
    " RETURNING m.position, m.workspace, m.id, m.inline_document, m.state)"
    " SELECT due.due_at, due.position, due.handed_over, due.leased_until, due.workspace, l.fence,"
    " m.id, CASE WHEN length(m.inline_document) > 0 THEN m.inline_document ELSE"
    " (SELECT document FROM messaging_documents d WHERE d.workspace = due.workspace"
    " AND d.position = due.position) END,"
    " m.state, l.lane, l.expires_at, l.attempts, l.controls, l.progress, l.crashes"
    " FROM due JOIN leased l USING (workspace, position)"
    " LEFT JOIN started m USING (workspace, position)"
)
_NO_ROW: Final = (
    "SELECT 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"
    " FROM divided WHERE is_so"
)

CLAIM: Final = (
    f"{_WAITING}, due AS MATERIALIZED ({_LOCKED} WHERE NOT (SELECT is_so FROM divided)), {_LEASED}"
    " UNION ALL SELECT number, NULL, NULL, NULL, workspace, NULL, channel_id, NULL, NULL, lane,"
    " NULL, NULL, NULL, NULL, NULL FROM waiting WHERE (SELECT is_so FROM divided)"
    f" UNION ALL {_NO_ROW}"
)
"""Lease all that is due; where it must be divided, return how much waits where, and lease nothing.

Its values: the lanes, now, how many at most, the end of the leases, now in words, the channels with
a limit, their limits, and whether a message that crashed before counts. A row of what waits has no
position; one of them is there in any case.
"""

CLAIM_FRESH: Final = (
    f"{_WAITING_FRESH}, due AS MATERIALIZED ({_LOCKED_FRESH}"
    f" WHERE NOT (SELECT is_so FROM divided)), {_LEASED} UNION ALL {_NO_ROW}"
)
"""Lease all that is due; where it must be divided or was leased before, lease nothing.

Its values are those of `CLAIM`. Where nothing is leased for that there is a row without a position.
"""

CLAIM_SHARES: Final = (
    f"{_SHARES}, due AS MATERIALIZED ({_LOCKED} UNION ALL"
    " SELECT lane, position, due_at, handed_over, leased_until, workspace FROM messaging_outbox"
    " JOIN unnest($8::bytea[], $9::bigint[]) AS s(workspace, position)"
    f" USING (workspace, position)), {_LEASED}"
)
"""Lease so many of each queue, and those at given places, which are locked.

Its values: the lane of each queue, now, its workspace, the end of the leases, now in words, its
channel, how many, and the workspaces and positions of those places.
"""
