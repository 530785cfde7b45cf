-- version 1
-- The queue of heavy work. README.md beside this file says what it promises. Whoever can call a
-- function of SQL can enqueue; times are seconds.

CREATE TABLE lanes_jobs (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind text NOT NULL,
	state text NOT NULL DEFAULT 'waiting'
		CHECK (state IN ('waiting', 'running', 'done', 'dead', 'cancelled')),
	priority integer NOT NULL DEFAULT 0,	-- the highest goes first
	key text,				-- of one kind and key there is one job
	payload json NOT NULL,
	attempts integer NOT NULL DEFAULT 0,	-- begun, and not given back
	most_attempts integer,			-- NULL until its worker has said
	lease double precision,			-- seconds that its worker may be silent
	worker text,				-- who has it, or had it last
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	run_at timestamptz NOT NULL,		-- not before
	started_at timestamptz,			-- the last attempt
	lease_until timestamptz,
	ended_at timestamptz,
	result_type text,			-- what the handler has replied
	result bytea,
	error text				-- why the last attempt failed
) WITH (fillfactor = 80, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02,
	autovacuum_analyze_threshold = 10000);

CREATE UNIQUE INDEX lanes_jobs_key ON lanes_jobs (kind, key) WHERE key IS NOT NULL;
CREATE INDEX lanes_jobs_waiting ON lanes_jobs (priority DESC, run_at, id) WHERE state = 'waiting';
-- Without lease_until: a heartbeat changes no index.
CREATE INDEX lanes_jobs_running ON lanes_jobs (id) WHERE state = 'running';
CREATE INDEX lanes_jobs_dead ON lanes_jobs (id) WHERE state = 'dead';
CREATE INDEX lanes_jobs_ended ON lanes_jobs (ended_at) WHERE state IN ('done', 'cancelled');

-- When somebody last looked after it: one row.
CREATE TABLE lanes_jobs_swept (at timestamptz NOT NULL);
INSERT INTO lanes_jobs_swept VALUES ('-infinity');

-- Puts a job into the queue, in the transaction of whoever calls, and wakes a worker when that
-- commits. With a key that its kind has had already, gives that job. With a depth it counts how many
-- wait, and refuses (id is NULL) where so many do.
CREATE FUNCTION lanes_job_enqueue(kind_ text, payload_ json, key_ text DEFAULT NULL,
	priority_ integer DEFAULT 0, delay double precision DEFAULT 0, attempts_ integer DEFAULT NULL,
	depth bigint DEFAULT NULL, OUT id bigint, OUT is_new boolean, OUT waiting bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	is_new := false;
	IF depth IS NOT NULL THEN
		SELECT count(*) INTO waiting
		FROM (SELECT FROM lanes_jobs WHERE state = 'waiting' LIMIT depth) counted;
	END IF;
	LOOP
		IF key_ IS NOT NULL THEN
			SELECT j.id INTO id FROM lanes_jobs j WHERE j.kind = kind_ AND j.key = key_;
			EXIT WHEN FOUND;
		END IF;
		EXIT WHEN waiting >= depth;
		INSERT INTO lanes_jobs AS j (kind, payload, key, priority, run_at, most_attempts)
		VALUES (kind_, payload_, key_, priority_,
			clock_timestamp() + make_interval(secs => delay), attempts_)
		ON CONFLICT (kind, key) WHERE key IS NOT NULL DO NOTHING
		RETURNING j.id INTO id;
		is_new := FOUND;
		EXIT WHEN is_new;
	END LOOP;
	-- Who notifies commits after all others that do. Where one of its kind has been waiting for a
	-- second nobody has room for it, and will look as soon as there is.
	IF is_new AND delay <= 0 AND NOT EXISTS (
		SELECT FROM (SELECT * FROM lanes_jobs WHERE state = 'waiting'
			ORDER BY priority DESC, run_at, id LIMIT 1) first
		WHERE kind = kind_ AND run_at < clock_timestamp() - interval '1 second'
	) THEN
		PERFORM pg_notify('lanes_jobs', '');
	END IF;
END $$;

-- Gives a worker at most so many jobs of these kinds, whose attempts and leases are beside them. Each
-- priority is an index scan of its own: what is to run later is not read. The commit waits for the disk
-- (no synchronous_commit = off): before a job begins, its attempt is counted for good. A job that takes the
-- database down with it, by eating all memory of the machine, would else wait again as if it had never been
-- tried, and do so for ever.
CREATE FUNCTION lanes_job_take(who text, kinds text[], attempts_ integer[],
	leases double precision[], most integer)
RETURNS TABLE (id bigint, kind text, attempt integer, payload text, late double precision)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
	moment timestamptz := clock_timestamp();
	level integer;
	got integer;
BEGIN
	SELECT max(priority) INTO level FROM lanes_jobs WHERE state = 'waiting';
	WHILE level IS NOT NULL AND most > 0 LOOP
		RETURN QUERY
		WITH due AS MATERIALIZED (
			SELECT j.id FROM lanes_jobs j
			WHERE j.state = 'waiting' AND j.priority = level AND j.run_at <= moment
				AND j.kind = ANY (kinds)
			ORDER BY j.run_at, j.id LIMIT most FOR UPDATE SKIP LOCKED)
		UPDATE lanes_jobs j SET state = 'running', worker = who, attempts = j.attempts + 1,
			most_attempts = coalesce(j.most_attempts, attempts_[array_position(kinds, j.kind)]),
			lease = leases[array_position(kinds, j.kind)], started_at = moment,
			lease_until = moment + make_interval(
				secs => leases[array_position(kinds, j.kind)])
		FROM due WHERE j.id = due.id
		RETURNING j.id, j.kind, j.attempts, j.payload::text,
			extract(epoch FROM moment - j.run_at)::double precision;
		GET DIAGNOSTICS got = ROW_COUNT;
		most := most - got;
		SELECT max(priority) INTO level FROM lanes_jobs
		WHERE state = 'waiting' AND priority < level;
	END LOOP;
END $$;

-- A worker is still at these attempts of these jobs. Returns those that it has lost.
CREATE FUNCTION lanes_job_beat(who text, ids bigint[], attempts_ integer[])
RETURNS SETOF bigint LANGUAGE sql AS $$
	WITH held AS (
		SELECT * FROM unnest(ids, attempts_) AS h (id, attempt)
	), kept AS (
		UPDATE lanes_jobs j
		SET lease_until = clock_timestamp() + make_interval(secs => j.lease)
		FROM held WHERE j.id = held.id AND j.state = 'running' AND j.worker = who
			AND j.attempts = held.attempt
		RETURNING j.id)
	SELECT id FROM held EXCEPT SELECT id FROM kept
$$;

-- An attempt has come to a result. False: it was lost, and its result is not wanted. To say it
-- twice, where the first answer did not arrive, is fine.
CREATE FUNCTION lanes_job_done(who text, id_ bigint, attempt integer, type text, result_ bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	UPDATE lanes_jobs SET state = 'done', ended_at = clock_timestamp(), lease_until = NULL,
		result_type = type, result = result_, error = NULL
	WHERE id = id_ AND worker = who AND attempts = attempt AND state = 'running';
	RETURN FOUND OR EXISTS (SELECT FROM lanes_jobs WHERE id = id_ AND worker = who
		AND attempts = attempt AND state = 'done');
END $$;

-- An attempt has failed. The job waits for the next, twice as long each time, half as much more or
-- less; or it is dead. NULL: it was lost.
CREATE FUNCTION lanes_job_failed(who text, id_ bigint, attempt integer, why text,
	backoff double precision)
RETURNS text LANGUAGE sql AS $$
	UPDATE lanes_jobs SET
		state = CASE WHEN attempts < most_attempts THEN 'waiting' ELSE 'dead' END,
		run_at = clock_timestamp() + make_interval(secs =>
			least(3600, backoff * 2.0 ^ least(attempts - 1, 30)) * (0.5 + random())),
		ended_at = CASE WHEN attempts < most_attempts THEN NULL ELSE clock_timestamp() END,
		lease_until = NULL, error = why
	WHERE id = id_ AND worker = who AND attempts = attempt AND state = 'running'
	RETURNING state
$$;

-- A worker gives back what it has, but for those; the attempts do not count.
CREATE FUNCTION lanes_job_return(who text, but bigint[])
RETURNS bigint LANGUAGE sql AS $$
	WITH returned AS (
		UPDATE lanes_jobs SET state = 'waiting', attempts = attempts - 1, lease_until = NULL
		WHERE state = 'running' AND worker = who AND id <> ALL (but)
		RETURNING pg_notify('lanes_jobs', ''))
	SELECT count(*) FROM returned
$$;

-- Looks after the queue, if nobody has for a period: whose worker is silent waits again, or is dead;
-- what ended that long ago is deleted, some of it; and how many there are is counted. All NULL:
-- somebody has.
CREATE FUNCTION lanes_job_sweep(period double precision, keep double precision,
	OUT returned bigint, OUT died bigint, OUT waiting bigint, OUT running bigint, OUT dead bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	UPDATE lanes_jobs_swept SET at = clock_timestamp()
	WHERE ctid IN (SELECT ctid FROM lanes_jobs_swept
		WHERE at < clock_timestamp() - make_interval(secs => period) FOR UPDATE SKIP LOCKED);
	IF NOT FOUND THEN
		RETURN;
	END IF;
	WITH late AS MATERIALIZED (
		SELECT id FROM lanes_jobs WHERE state = 'running' AND lease_until < clock_timestamp()
		FOR UPDATE SKIP LOCKED
	), swept AS (
		UPDATE lanes_jobs j SET
			state = CASE WHEN attempts < most_attempts THEN 'waiting' ELSE 'dead' END,
			run_at = clock_timestamp(), lease_until = NULL, error = 'its worker was silent',
			ended_at = CASE WHEN attempts < most_attempts THEN NULL ELSE clock_timestamp() END
		FROM late WHERE j.id = late.id
		RETURNING j.state)
	SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'dead')
	INTO returned, died FROM swept;
	IF returned > 0 THEN
		PERFORM pg_notify('lanes_jobs', '');
	END IF;
	DELETE FROM lanes_jobs WHERE id IN (
		SELECT id FROM lanes_jobs WHERE state IN ('done', 'cancelled')
			AND ended_at < clock_timestamp() - make_interval(secs => keep)
		ORDER BY ended_at LIMIT 10000 FOR UPDATE SKIP LOCKED);
	SELECT count(*) INTO waiting FROM lanes_jobs WHERE state = 'waiting';
	SELECT count(*) INTO running FROM lanes_jobs WHERE state = 'running';
	SELECT count(*) INTO dead FROM lanes_jobs WHERE state = 'dead';
END $$;

-- Nobody wants it any more: one that waits does not run, and the worker of one that runs hears of it
-- with its next heartbeat. False: it had ended.
CREATE FUNCTION lanes_job_cancel(id_ bigint)
RETURNS boolean LANGUAGE sql AS $$
	WITH cancelled AS (
		UPDATE lanes_jobs SET state = 'cancelled', ended_at = clock_timestamp(), lease_until = NULL
		WHERE id = id_ AND state IN ('waiting', 'running')
		RETURNING id)
	SELECT EXISTS (SELECT FROM cancelled)
$$;

-- One that is dead or cancelled (NULL: every one that is dead) waits again, with all of its attempts
-- before it. How many do.
CREATE FUNCTION lanes_job_retry(id_ bigint)
RETURNS bigint LANGUAGE sql AS $$
	WITH retried AS (
		UPDATE lanes_jobs SET state = 'waiting', attempts = 0, ended_at = NULL,
			run_at = clock_timestamp()
		WHERE state = 'dead' AND id_ IS NULL OR state IN ('dead', 'cancelled') AND id = id_
		RETURNING pg_notify('lanes_jobs', ''))
	SELECT count(*) FROM retried
$$;

-- Deletes one, whatever it is at (NULL: every one that is dead). How many.
CREATE FUNCTION lanes_job_drop(id_ bigint)
RETURNS bigint LANGUAGE sql AS $$
	WITH dropped AS (
		DELETE FROM lanes_jobs WHERE state = 'dead' AND id_ IS NULL OR id = id_ RETURNING id)
	SELECT count(*) FROM dropped
$$;
