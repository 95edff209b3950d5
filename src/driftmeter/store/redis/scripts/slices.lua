-- Frozen slices of a profile, each with its name. After the time that is given, at most so many of different ends; or
-- where `reach` is given, back from the time until they hold `rows` rows and begin before it.
local digest, time, limit, rows, reach = unpack(ARGV, 2)
local found = {}

local function take(field)
  local value = redis.call('HGET', key('slices', digest), field)
  found[#found + 1] = field
  found[#found + 1] = value
  return value
end

if reach then
  local held, wanted = 0, tonumber(rows)
  local fields = redis.call('ZRANGEBYSCORE', key('ends', digest), '-inf', time)
  for place = #fields, 1, -1 do
    local high, low = struct.unpack('>I4I4', take(fields[place]))
    held = held + high * 4294967296 + low
    if held >= wanted and tonumber(fields[place]:match(':(%d+)$')) < tonumber(reach) then break end
  end
else
  local folded = redis.call('HGET', key('fold', digest), 'folded') or '0'
  local ends, last = 0, nil
  -- four of each end, and those of the last end all
  local names = redis.call('ZRANGEBYSCORE', key('ends', digest), '(' .. folded, '+inf', 'LIMIT', 0, 4 * limit)
  if #names == 4 * limit then
    local cut = names[#names]:match('^%d+')
    names = redis.call('ZRANGEBYSCORE', key('ends', digest), '(' .. folded, cut)
  end
  for _, field in ipairs(names) do
    local this = field:match('^%d+')
    if this ~= last then
      if ends == tonumber(limit) then break end
      ends, last = ends + 1, this
    end
    take(field)
  end
end
return found
