-- Holds the lock for longer if it is ours.
-- KEYS: lock [, session]. ARGV: token, lifetime (ms). Returns 1, or 0 when it is not ours.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
hold(KEYS[1], ARGV[1], ARGV[2], KEYS[2])
return 1
