-- Whether a request was sent before its member was erased, or nobody knows when it was. The mark is milliseconds since 1970.
local function is_erased(mark, sent)
  local erased = tonumber(redis.call('GET', mark) or '')
  return erased ~= nil and (sent == '' or tonumber(sent) <= erased)
end
