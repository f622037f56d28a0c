-- Does what the work does, now or seldom, to nobody's key: a server may refuse one command and take all others, and what a
-- script was refused it does not name.
-- KEYS: a key that nobody uses. ARGV: a lifetime (ms).
local commands = {
  {'SET', KEYS[1], '-', 'PX', ARGV[1]},
  {'GET', KEYS[1]},
  {'PTTL', KEYS[1]},
  {'PEXPIRE', KEYS[1], ARGV[1]},
  {'EXISTS', KEYS[1]},
  {'DEL', KEYS[1]},
  {'SISMEMBER', KEYS[1], '-'},
}
for _, command in ipairs(commands) do
  local reply = redis.pcall(unpack(command))
  if type(reply) == 'table' and reply.err then return redis.error_reply(reply.err .. ' (' .. command[1] .. ')') end
end
return {}
