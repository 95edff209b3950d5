-- Begins every script. KEYS[1] is the model's own hash. The names of all its other keys begin with that name, which holds
-- the hash tag: so they share a slot. ARGV[1] is the time in milliseconds in tests, and empty otherwise.
local tag = KEYS[1]
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function key(...)
  return tag .. ':' .. table.concat({...}, ':')
end

-- A whole number as text: tostring() rounds numbers of more than 14 digits.
local function text(number)
  return string.format('%.0f', number)
end
