-- version 1
-- Of /cases/orders and /cases/events. change says which transaction made a row: who reads the rows
-- in the order of (change, id), and only those of transactions before the oldest that is not over
-- (pg_snapshot_xmin), misses none. In the order of the ids alone a row may come later than its
-- successor.

CREATE TABLE orders (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	item text NOT NULL CHECK (length(item) BETWEEN 1 AND 64),
	quantity bigint NOT NULL CHECK (quantity BETWEEN 1 AND 1000),
	change xid8 NOT NULL DEFAULT pg_current_xact_id()
);

CREATE INDEX orders_changes ON orders (change, id);
