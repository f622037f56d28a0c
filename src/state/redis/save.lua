-- Applies one change, whole or not at all.
-- KEYS: lock, outcome of the request, outcome of the record, mark of erasure, names of what was answered before it
--       [, session, draft, ended]
-- ARGV: token, key of the new outcome (one of KEYS, or '' for none), new outcome, its lifetime (ms), lifetime of the
--       lock (ms), when the request was sent (ms; '' where that is not known) [, lifetime of session and draft (ms), expected version ('' for none), session, draft, ended]
-- A session, draft or ended is '' to keep what is stored, '-' to delete it, else what to store.
-- Returns {'answered', outcome} | {'conflict'} | {'done'}.
local holder = redis.call('GET', KEYS[1])
local ours = holder == ARGV[1]

local answered = redis.call('GET', KEYS[2]) or redis.call('GET', KEYS[3])
if answered then
  if ours then redis.call('DEL', KEYS[1]) end
  return {'answered', answered}
end

-- Only an answer for good passes by whoever else has the lock: a failure that may be tried again would throw away what
-- that one is paying for.
local answers = ARGV[2] == KEYS[2]
if not answers and holder and not ours then return {'conflict'} end

-- Whoever slept past its lock meanwhile brings nothing back.
if is_erased(KEYS[4], ARGV[6]) then return {'conflict'} end

-- A script that is refused a command does not take back what it has written. So each kind of write is tried before anything
-- hangs on it: this deletes nothing, for there is no such outcome, and what is set comes before what is deleted.
local function put(key, value, lifetime)
  if value ~= '' and value ~= '-' then redis.call('SET', key, value, 'PX', lifetime) end
end

local function delete(key, value)
  if value == '-' then redis.call('DEL', key) end
end

local changes = #ARGV > 6
if changes and version_of(redis.call('GET', KEYS[6])) ~= ARGV[8] then return {'conflict'} end
redis.call('DEL', KEYS[2])
if ARGV[2] ~= '' then redis.call('SET', ARGV[2], ARGV[3], 'PX', ARGV[4]) end
if changes then
  put(KEYS[6], ARGV[9], ARGV[7])
  put(KEYS[7], ARGV[10], ARGV[7])
  put(KEYS[8], ARGV[11], ARGV[4])
  for part = 0, 2 do delete(KEYS[6 + part], ARGV[9 + part]) end
end

if ARGV[2] ~= '' then
  if ours then redis.call('DEL', KEYS[1]) end
elseif not holder then
  -- It expired while the work went on, and nobody has begun since: what was paid for is kept, and so is the lock.
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[5])
end
return {'done'}
