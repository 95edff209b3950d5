-- Begins every script. KEYS[1] is the model's own hash, and the beginning of all its keys: they share its hash tag, and
-- so its slot. ARGV[1] is the time in milliseconds where a test sets it, else empty.
local tag = KEYS[1]
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function key(...)
  return tag .. ':' .. table.concat({...}, ':')
end

-- tostring() would round what has more than 14 digits
local function text(number)
  return string.format('%.0f', number)
end
