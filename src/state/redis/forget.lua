-- Removes an outcome, and keeps the name of what it answered: that stands for it until the outcome would have gone.
-- KEYS: outcome, names of what was answered. ARGV: name, lifetime of outcomes (ms). Returns 1, or 0 where there was none.
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return {redis.call('DEL', KEYS[1])}
