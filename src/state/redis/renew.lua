-- Holds the lock for longer if it is ours, or if it expired while the work went on and nobody has done that since.
-- KEYS: lock, outcome of the request, outcome of the record [, session]. ARGV: token, lifetime (ms).
-- Returns 1 where it is ours now, 0 where the work is another's, or done.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if not holder and redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then return 0 end
hold(KEYS[1], ARGV[1], ARGV[2], KEYS[4])
return 1
