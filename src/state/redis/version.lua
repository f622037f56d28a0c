-- The version of a stored session; '' when there is none to be found. All scripts read it here, and nowhere else is it
-- read: what `begin` shows is what `save` compares. Beyond 2^53 Lua's numbers are not exact.
local function version_of(stored)
  local readable, session = pcall(cjson.decode, stored or '')
  local version = readable and type(session) == 'table' and session.version
  if type(version) ~= 'number' or version < 0 or version > 2^53 or version % 1 ~= 0 then return '' end
  return string.format('%.0f', version)
end

