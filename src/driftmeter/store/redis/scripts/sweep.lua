-- Drop what is too old: sources of a day ago, marks and notices of 90 days ago, and of profiles that no longer count
-- what is as old in event time, and at last themselves.
local DAY, RETENTION = 86400000, 7776000000
local function drop(name, oldest, age)
  local content = redis.call('HGETALL', key(name))
  for place = 1, #content, 2 do
    if tonumber(age(content[place + 1])) < oldest then redis.call('HDEL', key(name), content[place]) end
  end
end
drop('sources', now - DAY, function(value) return value:match('^%d+') end)
drop('logs', now - DAY, function(value) return value:match('%d+$') end)
drop('notified', now - RETENTION, function(value) return value end)
drop('expected', now - RETENTION, function(value) return value:match('^%d+') end)

local function cut(digest, hash, sorted, last)
  for _, field in ipairs(redis.call('ZRANGEBYSCORE', key(sorted, digest), '-inf', '(' .. text(last))) do
    redis.call('HDEL', key(hash, digest), field)
    redis.call('ZREM', key(sorted, digest), field)
  end
end

local active, newest, frozen = unpack(redis.call('HMGET', tag, 'digest', 'newest', 'frozen'))
if not active then return 0 end
local oldest = tonumber(frozen) - RETENTION
local open = redis.call('ZRANGE', key('open'), 0, -1)
for _, digest in ipairs(redis.call('ZRANGE', key('known'), 0, -1)) do
  if digest ~= active and digest ~= newest then
    local folded = tonumber(redis.call('HGET', key('fold', digest), 'folded') or '0')
    cut(digest, 'slices', 'ends', math.min(oldest, folded + 1))
    cut(digest, 'verdicts', 'times', oldest)
    local left = redis.call('EXISTS', key('ends', digest), key('times', digest))
    for _, place in ipairs(open) do
      if place:sub(1, #digest + 1) == digest .. ':' then left = left + 1 end
    end
    local used = tonumber(redis.call('HGET', key('used'), digest) or '0')
    if left == 0 and used < now - RETENTION then
      redis.call('UNLINK', key('fold', digest))
      redis.call('HDEL', tag, 'folded:' .. digest)
      redis.call('HDEL', key('profiles'), digest)
      redis.call('HDEL', key('used'), digest)
      redis.call('ZREM', key('known'), digest)
    end
  end
end
return 1
