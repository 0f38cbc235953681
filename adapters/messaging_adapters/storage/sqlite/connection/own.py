"""The connection of a storage: one transaction at a time, replaced when it is in doubt."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf

from messaging_adapters.storage.sql.transaction import SqlTransaction
from messaging_adapters.storage.sqlite.connection import driver as drivers
from messaging_adapters.storage.sqlite.connection import files, health, inherited
from messaging_adapters.storage.sqlite.connection.locking import LockRetry, ReadInterruption
from messaging_adapters.storage.sqlite.connection.opening import Opening
from messaging_adapters.storage.sqlite.errors import (
    BUSY,
    decode_damaged,
    is_damaged_text,
    is_doubtful,
    translate,
)
from messaging_core.errors import ConfigurationError, SchemaError, StorageBusyError, StorageError
from messaging_core.fork import ForkAware
from messaging_core.ports.storage.transaction_lock import OVERTAKEN, Hold, TransactionLock
from messaging_core.ports.time_limit import time_to_read

_CLOSED = "the storage is closed: make a new one"


class OwnConnection(ForkAware):
    """Give the threads of a process their turns on one connection to a file.

    After an error that leaves open what reached the disk, the next transaction opens another
    connection, which checks the file first. A forked child opens one of its own.

    Args:
        opening: How to open the file.
        make_transaction: Makes the stores of a cursor.
    """

    def __init__(
        self, opening: Opening, make_transaction: Callable[[sqlite3.Cursor], SqlTransaction]
    ) -> None:
        self._opening = opening
        self._make_transaction = make_transaction
        self._driver = opening.driver
        self._lock = TransactionLock(opening.busy_timeout)
        self._interruption = ReadInterruption()
        self._fork: Hold | None = None
        self._process = os.getpid()
        self._is_doubtful = self._is_dropped = self._is_closed = False
        self._has_damaged_text = False
        self._file: files.WatchedFile | None = None
        file = opening.file
        self._claim = drivers.claim(file, self._driver) if file else None
        try:
            self.use(opening.open())
        except BaseException:
            self._release_claim()
            raise
        opening.warn_if_slow()

    def _release_claim(self) -> None:
        if self._claim:
            self._claim.release()

    def use(self, connection: sqlite3.Connection) -> None:
        """Work through a connection from now on."""
        opening = self._opening
        cursor = connection.cursor()
        if self._has_damaged_text:
            connection.text_factory = decode_damaged
        self._interruption.watch(connection)
        retry = LockRetry(connection, opening.busy_timeout, is_shared=opening.is_shared)
        # It holds nothing but the cursor, so that one serves all transactions, each in its turn.
        tx = self._make_transaction(cursor)
        file = self._watched(cursor)
        # All at once: a signal handler may raise between two lines.
        self.connection, self._cursor, self._retry, self._tx = connection, cursor, retry, tx
        self._file, self._is_doubtful, self._is_dropped = file, False, False

    def _watched(self, cursor: sqlite3.Cursor) -> files.WatchedFile | None:
        """Return what notices that the file is another one; nothing for a database in memory."""
        if self._opening.file is None:
            return None
        (mode,) = cursor.execute("PRAGMA journal_mode").fetchone()
        path = self._opening.path
        identity = self._file.identity if self._file else files.identity_of(path)
        if identity is None:
            raise StorageError(f"{path} was deleted while it was opened: open it again")
        return files.WatchedFile(path, identity, mode, self._driver.sqlite_version)

    @contextmanager
    def transaction(self, *, read_only: bool) -> Iterator[SqlTransaction]:
        """Hold the connection, inside a transaction."""
        if os.getpid() != self._process:  # forked by code that does not tell Python
            self.after_fork_in_child()
        left, hold = time_to_read(read_only=read_only), Hold()
        try:
            try:
                self._lock.acquire(hold, min(self._opening.busy_timeout, left))
                self._begin(read_only=read_only)
                yield self._tx
                self._commit(hold)
            except self._driver.Error as error:
                self._doubt(hold, error)
                raise translate(error, remedy=BUSY) from error
            finally:
                self._end(hold)
        finally:
            self._end(hold)  # a signal handler may have raised in the line above

    def _begin(self, *, read_only: bool) -> None:
        if self._is_closed:
            raise StorageError(_CLOSED)
        if self._is_doubtful or self._is_dropped:
            self._reopen()
        elif self.connection.in_transaction:
            self._recover()
        self._tx.timeline.read_only = self._interruption.is_reading = read_only
        if read_only:
            self._retry.begin_reading(time_to_read(read_only=True))
        else:
            self._retry.begin_writing()
        if self._file:
            self._file.check(read_only=read_only)

    def _recover(self) -> None:
        """Undo what an interrupted transaction has left, and let it write nothing any more."""
        cursor = self._cursor
        self._roll_back()
        self.use(self.connection)
        cursor.close()

    def _commit(self, hold: Hold) -> None:
        if self._lock.holder is not hold:
            raise StorageError(OVERTAKEN)
        self._interruption.is_reading = False
        self._retry.commit()

    def _end(self, hold: Hold) -> None:
        """Roll back what was not committed, and let other threads go on."""
        if self._lock.holder is hold:
            self._roll_back()
        self._lock.release(hold)

    def _roll_back(self) -> None:
        self._interruption.is_reading = False
        if not self._is_open:
            return
        try:
            # SQLite may have rolled back already, on a full disk for instance.
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except self._driver.Error as error:
            self.give_up(error)

    def _doubt(self, hold: Hold, error: sqlite3.Error) -> None:
        """Let go of the connection after an error that leaves open what reached the disk.

        After a damaged text it stays, and hands such texts to their readers from now on. Not
        earlier: that makes all texts a third slower to read.
        """
        if self._lock.holder is hold and is_damaged_text(error):
            self._has_damaged_text = True
            self.connection.text_factory = decode_damaged
        if self._lock.holder is hold and is_doubtful(error):
            self._roll_back()
            self.give_up(error)

    def give_up(self, error: sqlite3.Error) -> None:
        """Close a connection that cannot be trusted any more; the next call opens another."""
        if not self._opening.file:
            return
        if is_doubtful(error):
            health.mark(self._opening.file)
        self._is_doubtful = True
        self.let_go()

    def _reopen(self) -> None:
        """Go on with a new connection; after an error, check the file first."""
        if self._file is None:  # another database in memory would be empty
            raise ConfigurationError(inherited.BEGUN.format(path=self._opening.path))
        if not self._is_dropped:
            self.let_go()
        try:
            identity = self._file.identity
            self.use(self._opening.open(identity, is_doubtful=self._is_doubtful))
        except SchemaError:
            raise
        except ConfigurationError as error:
            if self._is_dropped:  # by a fork
                raise
            raise StorageError(str(error)) from error  # it worked before, and may again

    def let_go(self) -> None:
        """Close the connection, whatever state it is in."""
        # A cursor that is still open keeps its last statement, and with it the file's lock.
        with suppress(self._driver.Error):  # closed before
            self._cursor.close()
        with suppress(self._driver.Error):
            self.connection.close()

    def close(self) -> None:
        """Close the connection for ever. Twice is no fault."""
        if os.getpid() != self._process:
            self.after_fork_in_child()
        hold = Hold()
        try:
            self._lock.acquire(hold, inf)
            self._is_closed = True
            if not self._is_dropped:
                self.let_go()
            self._release_claim()
        finally:
            self._lock.release(hold)

    def before_fork(self) -> None:
        """Wait until no other thread is in a transaction: a child could never use the file."""
        inherited.prepare()
        holder, hold = self._lock.holder, Hold()
        if holder is None or holder.thread is not hold.thread:
            with suppress(StorageBusyError):
                self._lock.acquire(hold)
                self._fork = hold
                self._close_for_fork()

    def _close_for_fork(self) -> None:
        """Close a connection in WAL mode, which is never without locks, unless it is exclusive."""
        if self._file and self._file.is_wal and not self._opening.exclusive and self._is_open:
            self.let_go()
            self._is_doubtful = True

    @property
    def _is_open(self) -> bool:
        return not (self._is_closed or self._is_doubtful or self._is_dropped)

    def after_fork_in_parent(self) -> None:
        """Let other threads go on."""
        fork, self._fork = self._fork, None
        if fork is not None:
            self._lock.release(fork)

    def after_fork_in_child(self) -> None:
        """Leave the connection to the parent, and open another one at the next call."""
        holder, fork = self._lock.holder, self._fork
        is_idle = holder is None or holder is fork
        self._process, self._fork = os.getpid(), None
        self._lock = TransactionLock(self._opening.busy_timeout)
        if self._file is None and is_idle:
            return  # the child has its own copy of a database in memory
        is_open, self._is_dropped = self._is_open, not self._is_closed
        if is_open:
            inherited.keep(self.connection, self._cursor, self._tx)
        self._refuse_file(is_idle=is_idle)

    def _refuse_file(self, *, is_idle: bool) -> None:
        if self._file and self._opening.exclusive:
            inherited.refuse(self._file.identity, inherited.EXCLUSIVE)
        elif self._file and not is_idle:
            inherited.refuse(self._file.identity, inherited.BEGUN)
