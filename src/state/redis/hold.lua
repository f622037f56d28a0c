-- Takes the lock, or holds it for longer; the session does not end before it.
local function hold(lock, token, lifetime, session)
  redis.call('SET', lock, token, 'PX', lifetime)
  local left = session and redis.call('PTTL', session) or -1
  if left >= 0 and left < tonumber(lifetime) then redis.call('PEXPIRE', session, lifetime) end
end
