-- Returns slices of a profile: name, value, name, value. Given: the digest, then either '' and a limit, for the slices after
-- the fold, with at most that many different ends; or a time, '', rows and a reach, for the slices that end by the time, back
-- to the one with which they hold that many rows and begin before the reach.
local digest, time, limit, rows, reach = unpack(ARGV, 2)
local slices = {}

local function take(name)
  local value = redis.call('HGET', key('slices', digest), name)
  slices[#slices + 1] = name
  slices[#slices + 1] = value
  return value
end

if reach then
  local held, wanted = 0, tonumber(rows)
  local names = redis.call('ZRANGEBYSCORE', key('ends', digest), '-inf', time)
  for index = #names, 1, -1 do
    local high, low = struct.unpack('>I4I4', take(names[index]))
    held = held + high * 4294967296 + low
    if held >= wanted and tonumber(names[index]:match(':(%d+)$')) < tonumber(reach) then break end
  end
else
  local folded = redis.call('HGET', key('fold', digest), 'folded') or '0'
  local ends, last = 0, nil
  -- up to four slices of each end, but all slices of the last end
  local names = redis.call('ZRANGEBYSCORE', key('ends', digest), '(' .. folded, '+inf', 'LIMIT', 0, 4 * limit)
  if #names == 4 * limit then
    local cut = names[#names]:match('^%d+')
    names = redis.call('ZRANGEBYSCORE', key('ends', digest), '(' .. folded, cut)
  end
  for _, name in ipairs(names) do
    local this = name:match('^%d+')
    if this ~= last then
      if ends == tonumber(limit) then break end
      ends, last = ends + 1, this
    end
    take(name)
  end
end
return slices
